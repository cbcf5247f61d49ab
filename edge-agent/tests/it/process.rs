//! The program as it is installed: its exit codes, its words, its signals.

use std::process::{Command, Stdio};

use protocol::sparkplug::topic::NodeVerb::{NBirth, NDeath};

use crate::support::{Site, broker::Broker, eventually, host::Host};

const AGENT: &str = env!("CARGO_BIN_EXE_edge-agent");

fn site(port: u16) -> Site {
    Site::new(&format!(
        "node = {{ id = \"edge-1\", group = \"500156001\" }}\nbroker = {{ url = \"mqtt://127.0.0.1:{port}\" }}\n"
    ))
}

#[tokio::test]
async fn sigterm_ends_it_with_the_node_s_death_and_success() {
    let broker = Broker::start().await;
    let mut host = Host::on(broker.port).await;
    let site = site(broker.port);
    let mut agent =
        Command::new(AGENT).arg("run").arg("--config").arg(site.config_path()).stderr(Stdio::null()).spawn().unwrap();
    let birth = host.until(|heard| heard.verb == NBirth).await;
    let signalled = Command::new("kill").arg("-TERM").arg(agent.id().to_string()).status().unwrap();
    assert!(signalled.success());
    let death = host.until(|heard| heard.verb == NDeath).await;
    assert_eq!(death.value("bdSeq"), birth.value("bdSeq"));
    eventually("the agent ends", || agent.try_wait().unwrap().is_some()).await;
    assert!(agent.wait().unwrap().success());
}

#[tokio::test]
async fn kill_9_lets_the_broker_say_the_node_s_death() {
    let broker = Broker::start().await;
    let mut host = Host::on(broker.port).await;
    let site = site(broker.port);
    let mut agent =
        Command::new(AGENT).arg("run").arg("--config").arg(site.config_path()).stderr(Stdio::null()).spawn().unwrap();
    let birth = host.until(|heard| heard.verb == NBirth).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    let death = host.until(|heard| heard.verb == NDeath).await;
    assert_eq!(death.value("bdSeq"), birth.value("bdSeq"));
}

#[test]
fn check_config_says_whether_it_is_right() {
    let check = |site: &Site| {
        let out = Command::new(AGENT).arg("check-config").arg("--config").arg(site.config_path()).output().unwrap();
        (out.status.success(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let right = site(1883);
    let (is_right, said, _) = check(&right);
    assert!(is_right && said.contains("right; sources: 0"), "{said}");
    right.write("edge-agent.toml", "node = { id = \"edge-1\", groop = \"500156001\" }\n");
    let (is_right, _, said) = check(&right);
    assert!(!is_right);
    assert!(said.contains("edge-agent.toml, line 1: unknown field `groop`, expected one of `id`, `group`"), "{said}");
}
