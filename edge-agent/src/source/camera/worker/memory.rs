//! Lets go of what only the start needed.
//!
//! Debian's libav brings some hundred libraries. To load and initialise them maps 22 MiB of their files into this process;
//! to read a camera takes less than half of that.

use std::{fs, io};

/// Takes those pages of the program's and its libraries' files out of this process that nobody has written to. What is
/// needed again comes back as it came the first time, from the kernel's cache of the file.
pub(super) fn let_go_of_start() -> io::Result<()> {
    unwritten_files(&fs::read_to_string("/proc/self/smaps")?).into_iter().try_for_each(let_go)
}

/// A mapping's first address and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: usize,
    bytes: usize,
}

#[expect(unsafe_code, reason = "no safe library does it; that nothing is lost is seen to before")]
fn let_go(range: Range) -> io::Result<()> {
    // SAFETY: the mapping is of a file, cannot be written to and holds no page of its own ([`unwritten_files`]):
    // whoever reads it next gets the same bytes from the file.
    let outcome = unsafe { libc::madvise(range.start as *mut libc::c_void, range.bytes, libc::MADV_DONTNEED) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The mappings in `/proc/…/smaps` (proc(5)) that a file can give back whole: not writable, and without a page that
/// differs from the file, as relocated ones do.
fn unwritten_files(smaps: &str) -> Vec<Range> {
    let mut candidate = None;
    let mut found = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Anonymous:"), Some(kib)) => found.extend(candidate.take().filter(|_| kib == "0")),
            (Some(addresses), Some(permissions)) if addresses.contains('-') => {
                let path = words.nth(3);
                let is_file = path.is_some_and(|path| path.starts_with('/'));
                candidate = if is_file && !permissions.contains('w') { range(addresses) } else { None };
            }
            _ => {}
        }
    }
    found
}

fn range(addresses: &str) -> Option<Range> {
    let (start, end) = addresses.split_once('-')?;
    let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16));
    let (start, end) = (start.ok()?, end.ok()?);
    Some(Range { start, bytes: end.checked_sub(start)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_file_can_give_back_is_let_go() {
        let smaps = "\
5600000-5602000 r-xp 00000000 fe:00 11    /usr/bin/camera (deleted)
Rss:                   8 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
5602000-5603000 r--p 00002000 fe:00 11    /usr/bin/camera
Anonymous:             4 kB
5603000-5604000 rw-p 00003000 fe:00 11    /usr/bin/camera
Anonymous:             0 kB
5604000-5605000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ff0000-7ff1000 r-xp 00000000 00:00 0     [vdso]
Anonymous:             0 kB
7ff2000-7ff6000 r--p 00000000 fe:00 12    /usr/lib/liba.so
Anonymous:             0 kB
";
        let check = [Range { start: 0x0560_0000, bytes: 0x2000 }, Range { start: 0x07ff_2000, bytes: 0x4000 }];
        assert_eq!(unwritten_files(smaps), check);
        assert_eq!(unwritten_files("7f-5 r--p 0 0 0 /a\nAnonymous: 0 kB\nx-y r--p 0 0 0 /b\nAnonymous: 0 kB"), []);
    }

    #[test]
    fn this_process_goes_on_with_less() {
        let resident_of_files = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let before = resident_of_files();
        let_go_of_start().unwrap();
        let after = resident_of_files();
        assert!(after < before, "{before} KiB before, {after} KiB after");
    }
}
