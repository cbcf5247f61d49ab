//! What is told of a wrong configuration, and that the samples are right.

use std::path::Path;

use edge_agent::{config, source::Source};

use crate::support::Site;

const HEAD: &str = "[node]\nid = \"edge-1\"\ngroup = \"500156001\"\n[broker]\nurl = \"mqtt://127.0.0.1:1883\"\n";

#[test]
fn what_is_wrong_is_told_with_line_key_reason_and_what_would_be_right() {
    let check = |text: &str, expected: &[&str]| {
        let site = Site::new(&format!("{HEAD}{text}"));
        let wrong = site.load().unwrap_err().to_string();
        for part in expected {
            assert!(wrong.contains(part), "{wrong}\nlacks: {part}");
        }
    };
    let modbus = |rest: &str| format!("[[modbus]]\nname = \"plc\"\naddress = \"127.0.0.1:502\"\n{rest}");
    let metric =
        |keys: &str| modbus(&format!("[[modbus.device]]\nid = \"d\"\nmetric = [\n{{ name = \"m\", {keys} }},\n]"));

    check("[[modbuss]]\n", &["line 6: unknown field `modbuss`, expected one of `node`, `gateway`, `broker`"]);
    check("urll = 1\n", &["line 6: unknown field `urll`, expected one of `url`, `username`"]);
    check("password_file = \"none\"\n", &["line 6: `broker.password_file`: cannot read", "none: No such file"]);
    check("primary_host = \"a/b\"\n", &["line 6: `broker.primary_host`: "]);
    check(&modbus("device = []"), &["line 9: `modbus[0].device`: needs at least one"]);
    check(&modbus("timeout_ms = 5\ndevice = []"), &["line 9: 5 is not within 50 to 60000", "timeout_ms = 5"]);
    check("[[modbus]]\nname = \"plc\"\naddress = \"plc\"\n", &["line 8: `plc` is not `host:port`"]);
    check(&modbus("[[modbus.device]]\nid = \"a/b\"\n"), &["line 10: `a/b` holds `/`; letters, digits"]);
    check(
        &modbus("[[modbus.device]]\nid = \"d\"\n"),
        &["line 9: `modbus[0].device[0].metric`: needs a `register_map`"],
    );
    check(&metric("table = \"holding\", address = 70000, type = \"u16\""), &["line 12", "expected u16"]);
    check(
        &metric("table = \"holding\", address = 0, type = \"u24\""),
        &["line 12: unknown variant `u24`, expected one of `bool`, `u16`"],
    );
    check(
        &metric("table = \"registers\", address = 0, type = \"u16\""),
        &["unknown variant `registers`, expected one of `coil`"],
    );
    check(
        &metric("table = \"coil\", address = 0, type = \"u16\""),
        &["line 12: `modbus[0].device[0].metric[0].type`: must be `bool`"],
    );
    check(
        &metric("table = \"holding\", address = 0, type = \"u16\", bit = 3"),
        &["metric[0].bit`: is for `type = \"bool\"`"],
    );
    check(
        &metric("table = \"holding\", address = 0, type = \"bool\", bit = 16"),
        &["line 12: 16 is not within 0 to 15"],
    );
    check(&metric("table = \"holding\", address = 65535, type = \"f32\""), &["would end behind address 65535"]);
    check(&metric("table = \"holding\", address = 0, type = \"u16\", scale = 0.0"), &["metric[0].scale`: is 0"]);
    check(&metric("table = \"holding\", address = 0, type = \"u16\", scale = nan"), &["not a finite number"]);
    let one = "{ name = \"m\", table = \"coil\", address = 0, type = \"bool\" }";
    check(
        &modbus(&format!("device = [\n{{ id = \"d\", metric = [{one}, {one}] }},\n]")),
        &["line 10: `modbus[0].device[0].metric`: `m` is reported twice by this device"],
    );
    check(
        &modbus(&format!("device = [\n{{ id = \"d\", metric = [{one}] }},\n{{ id = \"d\", metric = [{one}] }},\n]")),
        &["device `d` is already spoken for by modbus plc"],
    );
    check(&modbus(&format!("device = [{{ id = \"edge-1\", metric = [{one}] }}]")), &["spoken for by this node itself"]);
    check("[[replay]]\nname = \"r\"\nfile = \"none.csv\"\n", &["line 8: `replay[0].file`: cannot read"]);
    check("[[replay]]\nname = \"r\"\nfile = \"x\"\nspeed = 0.0\n", &["line 9: `replay[0].speed`: 0 is not above 0"]);
}

#[test]
fn a_code_system_is_read_from_its_folder_and_its_events_are_reported() {
    let map = |rest: &str| {
        let metric = format!("{{ name = \"fault_code\", table = \"input\", address = 0, type = \"u16\", {rest} }}");
        format!(
            "{HEAD}[[modbus]]\nname = \"lift\"\naddress = \"127.0.0.1:502\"\ndevice = [{{ id = \"d\", metric = [{metric}] }}]\n"
        )
    };
    let check = |text: &str, expected: &str| {
        let wrong = Site::new(text).load().unwrap_err().to_string();
        assert!(wrong.contains(expected), "{wrong}");
    };
    check(&map("code_system = \"none\""), "metric[0].code_system`: cannot read");
    check(&map("codes = \"bits\""), "metric[0].codes`: stands beside `code_system` only");
    check(&map("code_system = \"a\", scale = 0.1"), "metric[0].code_system`: is for whole numbers");

    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/code_systems");
    let text = map("code_system = \"chongqing-platform\"")
        .replace("[broker]", &format!("code_systems_dir = {shipped:?}\n[broker]"));
    let setup = Site::new(&text).load().unwrap();
    let Source::Modbus(modbus) = &setup.sources[0] else { panic!("one Modbus source") };
    let reported = modbus.devices[0].requests[0].points[0].declarations();
    assert!(reported.iter().any(|metric| metric.name.as_str() == "elevator.entrapment"), "{reported:?}");
}

#[test]
fn tls_needs_to_know_whom_to_trust() {
    let site = Site::new(&HEAD.replace("mqtt:", "mqtts:"));
    let wrong = site.load().unwrap_err().to_string();
    assert!(wrong.contains("`broker.ca_file`: is needed for `mqtts`"), "{wrong}");
}

#[test]
fn a_register_map_in_its_own_file_is_told_with_its_own_line() {
    let device = "[[modbus]]\nname = \"plc\"\naddress = \"127.0.0.1:502\"\ndevice = [{ id = \"d\", register_map = \"map.toml\" }]\n";
    let site = Site::new(&format!("{HEAD}{device}"));
    let wrong = |map: &str| {
        site.write("map.toml", map);
        site.load().unwrap_err().to_string()
    };
    let said =
        wrong("# cold store\nmetric = [\n  { name = \"m\", table = \"input\", adress = 0, type = \"i16\" },\n]\n");
    assert!(said.contains("line 9: `modbus[0].device[0].register_map`:"), "{said}");
    assert!(said.contains("map.toml, line 3: unknown field `adress`, expected one of `name`"), "{said}");
    let said = wrong("metric = [\n  { name = \"m\", table = \"coil\", address = 0, type = \"i16\" },\n]\n");
    assert!(said.contains("map.toml, line 2: `metric[0].type`: must be `bool`"), "{said}");

    site.write("map.toml", "metric = [{ name = \"m\", table = \"input\", address = 0, type = \"i16\" }]\n");
    assert_eq!(site.load().unwrap().sources.len(), 1);
}

#[test]
fn the_samples_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let setup = config::load(&root.join("../config/edge-agent.toml")).unwrap();
    assert!(setup.sources.iter().any(|source| matches!(source, Source::Modbus(_))));
    assert!(setup.sources.iter().any(|source| matches!(source, Source::Camera(_))));
    for sample in ["src/source/camera/sample.toml", "src/source/modbus/sample.toml", "src/source/replay/sample.toml"] {
        let setup = config::load(&root.join(sample)).unwrap();
        assert_eq!(setup.sources.len(), 1, "{sample}");
    }
}
