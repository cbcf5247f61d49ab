use super::*;

const TABLE: &str = "\
kind,id,name,phone,township,owner,address,site,profile,node,nameplate
owner,school,实验小学,023-1,,,,,,,
site,school-kitchen,食堂,,500156001,school,芙蓉路 1 号,,,,
device,cold-1,冷库 1,,,,,school-kitchen,cold_store,edge-1,
,,,,,,,,,,
device,boiler-1,\"锅炉, 大\",,,,,school-kitchen,steam_boiler,edge-1,allowed_pressure_mpa=1.0; low_water_mm = -50
";

const DOCUMENT: &str = r#"
[[owner]]
id = "school"
name = "实验小学"
phone = "023-1"

[[site]]
id = "school-kitchen"
name = "食堂"
township = "500156001"
owner = "school"
address = "芙蓉路 1 号"

[[device]]
id = "cold-1"
name = "冷库 1"
site = "school-kitchen"
profile = "cold_store"
node = "edge-1"

[[device]]
id = "boiler-1"
name = "锅炉, 大"
site = "school-kitchen"
profile = "steam_boiler"
node = "edge-1"
nameplate = { allowed_pressure_mpa = 1.0, low_water_mm = -50 }
"#;

#[test]
fn a_table_and_a_document_say_the_same() {
    let table = parse(Format::Csv, TABLE.as_bytes()).unwrap();
    let document = parse(Format::Toml, DOCUMENT.as_bytes()).unwrap();
    let entries = |lines: &[Line]| lines.iter().map(|line| line.entry.clone()).collect::<Vec<_>>();
    assert_eq!(entries(&table), entries(&document));
    assert_eq!(table.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 3, 4, 6]);
    assert_eq!(document.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 7, 14, 21]);
}

#[test]
fn a_table_written_by_excel_is_read() {
    let with_mark = format!("\u{feff}{}", TABLE.replace('\n', "\r\n"));
    assert_eq!(parse(Format::Csv, with_mark.as_bytes()).unwrap().len(), 4);
}

#[track_caller]
fn check(format: Format, input: &[u8], expected: &[&str]) {
    let errors = parse(format, input).unwrap_err();
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn a_wrong_table_is_told_what_would_be_right() {
    check(
        Format::Csv,
        b"kind,id,title\n",
        &["line 1: unknown column `title`; the columns are kind, id, name, phone, township, owner, address, site, \
           profile, node, nameplate"],
    );
    check(
        Format::Csv,
        b"id,name\n",
        &["line 1: column `kind` is missing; the columns are kind, id, name, phone, township, owner, address, site, \
           profile, node, nameplate"],
    );
    check(
        Format::Csv,
        "kind,id,name,phone,township,owner,site,profile,node,nameplate\n\
         owner,a b,Name\n\
         ship,x,Name\n\
         site,s1,Name,,xx,o1\n\
         device,d1,Name,110,,,s1,cold_store,n1\n\
         device,d2,Name,,,,s1,cold_store,n1,pressure\n\
         owner,o1,\n\
         owner,o2,Name,1,,,,,,,,,,\n"
            .as_bytes(),
        &[
            "line 2: `id`: `a b` holds ` `; letters, digits, `_`, `-` and `.` are allowed",
            "line 3: kind `ship` is not known; it is owner, site or device",
            "line 4: `township`: `xx` holds `x`; nine digits are required",
            "line 5: a device has no `phone`; leave the cell empty",
            "line 6: `nameplate`: `pressure` is not of the form `key=number`",
            "line 7: `name` is empty",
            "line 8: 14 cells, but the header has 10",
        ],
    );
    check(
        Format::Csv,
        "kind,id,name\nowner,o1,\u{5b66}".as_bytes().split_last().unwrap().1,
        &["line 2: this is not UTF-8; save the file as UTF-8 (Excel: “CSV UTF-8”)"],
    );
    check(
        Format::Csv,
        b"kind,id,name\nowner,o1,A\nowner,o2,B\nowner,o1,C\n",
        &["line 4: owner `o1` stands in line 2 already"],
    );
}

#[test]
fn a_wrong_document_is_told_what_would_be_right() {
    check(
        Format::Toml,
        b"[[owner]]\nid = \"o1\"\nname = \"A\"\n\n[[owner]]\nid = \"o2\"\ntel = \"1\"\n",
        &["line 7: unknown field `tel`, expected one of `id`, `name`, `phone`"],
    );
    check(
        Format::Toml,
        b"[[owners]]\n",
        &["line 1: unknown field `owners`, expected one of `owner`, `site`, `device`"],
    );
    check(Format::Toml, b"[[owner]\n", &["line 1: unclosed array table, expected `]`"]);
}

proptest::proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes: Vec<u8>) {
        let _ = parse(Format::Csv, &bytes);
        let _ = parse(Format::Toml, &bytes);
    }
}
