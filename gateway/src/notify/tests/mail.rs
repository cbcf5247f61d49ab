//! E-mail to a small SMTP server (RFC 5321) that keeps what it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use domain::{access::Role, alarm::Severity, notice::Audience};
use protocol::rest::DeliveryState;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::house::{House, LIMIT, notice};

#[derive(Clone, Default)]
struct Server {
    /// Every line that clients said.
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> (Self, SocketAddr) {
        let (server, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().talk(stream));
            }
        });
        (server, address)
    }

    async fn talk(self, stream: TcpStream) {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        writing.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        let mut is_mail = false;
        while let Ok(Some(line)) = lines.next_line().await {
            self.said.lock().unwrap().push(line.clone());
            let answer = match (is_mail, line.as_str()) {
                (true, ".") => {
                    is_mail = false;
                    "250 2.0.0 queued as 4F2B1\r\n"
                }
                (true, _) => continue,
                (false, "DATA") => {
                    is_mail = true;
                    "354 go on\r\n"
                }
                (false, "RCPT TO:<nobody@example.cn>") => "550 5.1.1 no such mailbox\r\n",
                (false, "RCPT TO:<full@example.cn>") => "452 4.2.2 mailbox full\r\n",
                (false, "QUIT") => "221 bye\r\n",
                (false, line) if line.starts_with("EHLO") => "250-mail.example\r\n250 8BITMIME\r\n",
                _ => "250 ok\r\n",
            };
            writing.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }
}

#[tokio::test]
async fn a_picture_is_an_answer_to_the_mail_that_told_the_alarm() {
    let (house, (server, address)) = (House::build().await, Server::start().await);
    let raised = notice(7, Severity::I, Audience::Centre);
    house.picture(7, "camera-1", raised.at.plus_ms(3000), &[0xff, 0xd8, 0xff].repeat(9));
    let _running = house.start(&config(address, "encryption = \"none\", to = [\"duty@example.cn\"]")).await;
    house.tell([raised]).await;
    let waiting = async {
        while !server.said().contains("/9j//9j/") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("the picture comes");
    let said = server.said();
    let told = said.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("the words first");
    assert!(said.contains(&format!("In-Reply-To: {told}")), "{said}");
    assert!(said.contains("Content-Type: image/jpeg") && said.contains("filename=\"camera-1-"), "{said}");
}

fn config(address: SocketAddr, more: &str) -> String {
    format!(
        "[[channel]]\nname = \"mail\"\nserves.centre = true\nvia.email = {{ server = \"127.0.0.1\", port = {}, \
         from = \"明哨 <alarm@example.cn>\", {more} }}\n",
        address.port()
    )
}

#[tokio::test]
async fn mail_goes_to_fixed_addresses_and_to_people_and_a_bad_mailbox_holds_up_nobody() {
    let (house, (server, address)) = (House::build().await, Server::start().await);
    house.person("li", Role::CentreOperator, "", "", "li@example.cn").await;
    let to = r#"encryption = "none", to = ["duty@example.cn", "nobody@example.cn", "full@example.cn"]"#;
    let running = house.start(&config(address, to)).await;
    house.tell([notice(7, Severity::II, Audience::Centre)]).await;
    let deliveries = house
        .until("all were tried", |all| {
            all.len() == 4 && all.iter().all(|one| one.last_error.is_some() || one.state == DeliveryState::Sent)
        })
        .await;
    let mut states: Vec<_> = deliveries.iter().map(|one| (one.address.as_str(), one.state)).collect();
    states.sort_by_key(|(address, _)| *address);
    assert_eq!(
        states,
        [
            ("d***@example.cn", DeliveryState::Sent),
            ("f***@example.cn", DeliveryState::Waiting),
            ("l***@example.cn", DeliveryState::Sent),
            ("n***@example.cn", DeliveryState::Failed),
        ]
    );
    let said = server.said();
    assert!(said.contains("MAIL FROM:<alarm@example.cn>") && said.contains("RCPT TO:<li@example.cn>"), "{said}");
    // 告警 7, as mail headers write it.
    assert!(said.contains("Subject: =?utf-8?b?5ZGK6K2m?= 7"), "{said}");
    assert!(said.contains("Message-ID: <brightwatch-") && said.contains("@example.cn>"), "{said}");
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_offers_no_encryption_is_told_nothing() {
    let (house, (server, address)) = (House::build().await, Server::start().await);
    house.file("password", "pa55word");
    let secure = r#"encryption = "starttls", username = "u", password_file = "password", to = ["duty@example.cn"]"#;
    let running = house.start(&config(address, secure)).await;
    house.tell([notice(7, Severity::II, Audience::Centre)]).await;
    let tried = house.until("it was tried", |all| all.iter().any(|one| one.last_error.is_some())).await;
    assert_eq!(tried[0].state, DeliveryState::Waiting);
    assert!(!server.said().contains("MAIL") && !server.said().contains("AUTH"), "{}", server.said());
    running.stop().await;
}
