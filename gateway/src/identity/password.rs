//! Passwords: which are good enough, and how they are kept (argon2id, PHC strings). Nothing here waits or stores.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use rand::seq::IndexedRandom;

/// The shortest password, in characters. Length is what counts (NIST SP 800-63B), so no character classes are asked for.
pub const SHORTEST: usize = 10;
/// The longest password, in characters: beyond it hashing would be a way to keep the gateway busy.
pub const LONGEST: usize = 256;
/// Length of a made password, in characters: 20 of 32 letters and digits are 100 bits.
const MADE_LENGTH: usize = 20;
/// What a made password consists of: nothing that looks like something else on paper (0/O, 1/l/I).
const MADE_FROM: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many different characters a password needs: fewer is a pattern.
const DIFFERENT: usize = 5;
/// Passwords of ten and more characters that lead every list of stolen ones, or that this product invites.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "9876543210",
    "qwertyuiop",
    "1qaz2wsx3edc",
    "qazwsxedcrfv",
    "password123",
    "password1234",
    "passw0rd123",
    "administrator",
    "admin12345",
    "admin123456",
    "brightwatch",
    "a123456789",
    "aa123456789",
    "woaini1314",
    "iloveyou1314",
    "5201314520",
];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short or too long.
    #[error("a password has {SHORTEST} to {LONGEST} characters")]
    Length,
    /// It holds the account's name.
    #[error("a password must not hold the account's name")]
    HoldsName,
    /// A pattern, or known to everybody.
    #[error("this password is among the first that anyone would try")]
    Common,
}

/// A password could not be hashed or a stored hash is damaged.
#[derive(Debug, thiserror::Error)]
#[error("cannot work with the password hash")]
pub struct HashError(#[source] argon2::password_hash::Error);

/// Whether a password may be used for an account.
pub fn check(password: &str, username: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(WeakPassword::Length);
    }
    let lower = password.to_lowercase();
    if username.len() >= 3 && lower.contains(&username.to_lowercase()) {
        return Err(WeakPassword::HoldsName);
    }
    let different = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < DIFFERENT || COMMON.contains(&lower.as_str()) {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

/// A random password that a person can read from paper.
pub fn make(rng: &mut impl rand::CryptoRng) -> String {
    (0..MADE_LENGTH).filter_map(|_| MADE_FROM.choose(rng)).map(|&byte| char::from(byte)).collect()
}

/// Hashes with argon2id, 19 MiB and two passes (OWASP's first choice). Takes tens of milliseconds of one core: call it
/// off the async threads.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).map_err(HashError)?;
    Ok(hash.to_string())
}

/// Whether the password belongs to the hash. As slow as [`hash`].
pub fn verify(password: &str, hash: &str) -> Result<bool, HashError> {
    let hash = PasswordHash::new(hash).map_err(|error| HashError(error.into()))?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(HashError(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let stored = hash("correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse battery", &stored).unwrap());
        assert!(!verify("correct horse batterz", &stored).unwrap());
        assert!(verify("x", "not a hash").is_err());
    }

    #[test]
    fn weak_passwords_are_named_for_what_they_are() {
        let check = |password: &str, expected| assert_eq!(super::check(password, "zhang.wei"), expected, "{password}");
        check("short", Err(WeakPassword::Length));
        check(&"长".repeat(257), Err(WeakPassword::Length));
        check("my-Zhang.Wei-2026", Err(WeakPassword::HoldsName));
        check("aaaaaaaaaaaaaa", Err(WeakPassword::Common));
        check("Admin123456", Err(WeakPassword::Common));
        check("一碗小面加个煎蛋不要葱", Ok(()));
        check("correct horse battery", Ok(()));
    }

    #[test]
    fn made_passwords_are_good_and_differ() {
        let (one, other) = (make(&mut rand::rng()), make(&mut rand::rng()));
        assert_eq!(one.len(), MADE_LENGTH);
        assert_ne!(one, other);
        assert_eq!(check(&one, "admin"), Ok(()));
    }
}
