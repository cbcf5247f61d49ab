//! E-mail over SMTP.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor,
    message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};

use super::Receipt;
use crate::notify::{
    SetUpError,
    attempt::Failure,
    config::{ChannelConfig, EmailConfig, Encryption},
    message::{Message, Wording},
    picture::Shown,
};

/// A mail server, and who sends.
#[derive(Debug)]
pub(super) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<String>,
}

impl Email {
    pub(super) fn build(one: &ChannelConfig, config: &EmailConfig, timeout: Duration) -> Result<Self, SetUpError> {
        let from: Mailbox = config.from.parse().map_err(|error| one.wrong("via.email.from", format!("{error}")))?;
        if let Some(wrong) = config.to.iter().find(|address| !is_address(address)) {
            return Err(one.wrong("via.email.to", format!("`{wrong}` is no mail address")));
        }
        let (tls, port) = match config.encryption {
            Encryption::Tls => (Tls::Wrapper(parameters(one, config)?), 465),
            Encryption::Starttls => (Tls::Required(parameters(one, config)?), 587),
            Encryption::None => (Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.server)
            .port(config.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(timeout));
        match (&config.username, &config.password_file) {
            (None, None) => {}
            (Some(username), Some(path)) => {
                if config.encryption == Encryption::None {
                    let problem = "a password is not sent over a connection that anybody can read";
                    return Err(one.wrong("via.email.encryption", problem));
                }
                let password = one.secret("via.email.password_file", path)?;
                builder = builder.credentials(Credentials::new(username.clone(), password));
            }
            _ => return Err(one.wrong("via.email", "username and password_file come together")),
        }
        Ok(Self { transport: builder.build(), from, to: config.to.clone() })
    }

    /// Addresses that get everything.
    pub(super) fn to(&self) -> &[String] {
        &self.to
    }

    pub(super) async fn send(&self, message: &Message, wording: &Wording, address: &str) -> Result<Receipt, Failure> {
        let mail = self
            .to_one(address)?
            // The same whenever it is tried again, so that a mail program may show it once.
            .message_id(Some(self.id_of(message, "")))
            .subject(message.title(wording))
            .header(ContentType::TEXT_PLAIN)
            .body(message.body(wording))
            .map_err(|error| Failure::refused(error.to_string()))?;
        self.hand_over(mail).await
    }

    /// An answer to the mail that told a message, with the picture.
    pub(super) async fn send_picture(
        &self,
        message: &Message,
        shown: &Shown,
        wording: &Wording,
        address: &str,
    ) -> Result<Receipt, Failure> {
        let jpeg = ContentType::parse("image/jpeg").expect("a media type");
        let name = format!("{}-{}.jpg", shown.picture.camera, shown.picture.taken.0);
        let caption = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(shown.caption(message, wording));
        let picture = Attachment::new(name).body(shown.picture.bytes.to_vec(), jpeg);
        let told = self.id_of(message, "");
        let mail = self
            .to_one(address)?
            .message_id(Some(self.id_of(message, "-picture")))
            .in_reply_to(told.clone())
            .references(told)
            .subject(format!("Re: {}", message.title(wording)))
            .multipart(MultiPart::mixed().singlepart(caption).singlepart(picture))
            .map_err(|error| Failure::refused(error.to_string()))?;
        self.hand_over(mail).await
    }

    fn to_one(&self, address: &str) -> Result<MessageBuilder, Failure> {
        let to: Mailbox = address.parse().map_err(|_| Failure::refused("this is no mail address"))?;
        Ok(Mail::builder().from(self.from.clone()).to(to))
    }

    fn id_of(&self, message: &Message, ending: &str) -> String {
        format!("<brightwatch-{}{ending}@{}>", message.id, self.from.email.domain())
    }

    async fn hand_over(&self, mail: Mail) -> Result<Receipt, Failure> {
        let response = self.transport.send(mail).await.map_err(|error| of_error(&error))?;
        // Most servers name the message in their last line, such as `Ok: queued as 4F2B1`.
        let said: String = response.message().collect::<Vec<_>>().join(" ").chars().take(120).collect();
        Ok((!said.is_empty()).then_some(said))
    }
}

fn parameters(one: &ChannelConfig, config: &EmailConfig) -> Result<TlsParameters, SetUpError> {
    let key = "via.email.ca_file";
    let mut builder = TlsParameters::builder(config.server.clone());
    if let Some(path) = &config.ca_file {
        let file = |source| SetUpError::File { channel: one.name.clone(), key, path: path.clone(), source };
        let pem = std::fs::read(path).map_err(file)?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| one.wrong(key, error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| one.wrong(key, error.to_string()))
}

/// One mail address, without a name.
pub(in crate::notify) fn is_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
}

fn of_error(error: &smtp::Error) -> Failure {
    // With its cause: the error says it itself.
    let why = error.to_string();
    let code = error.status().map(u16::from);
    match code {
        // The mailbox does not exist or does not take it (RFC 5321 §4.2.3).
        Some(550..=554) => Failure::refused(why),
        // Grey-listed, over quota, busy: this mailbox, at present.
        Some(450..=452) => Failure::target(why),
        // Anything else the server said, it said before it took the message.
        Some(_) => Failure::channel(why),
        None if error.is_timeout() => Failure::unknown(why),
        // No connection, or no encryption: nothing was sent. A connection that broke may have carried it.
        None if error.is_tls() || error.is_client() || error.to_string().starts_with("Connection error") => {
            Failure::channel(why)
        }
        None => Failure::unknown(why),
    }
}
