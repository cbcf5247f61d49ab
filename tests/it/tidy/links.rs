//! Links between the project's pages lead somewhere.

use super::{files, read, short};

#[test]
fn every_link_to_a_file_resolves() {
    let mut broken = Vec::new();
    for page in files(&[".md"]) {
        let text = read(&page);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_outside = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            let folder = page.parent().expect("a page lies in a folder");
            if !is_outside && !folder.join(file).exists() {
                broken.push(format!("{}: {target}", short(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_chinese_readme_has_every_part_of_the_english_one() {
    let parts = |name: &str| {
        let text = read(&harness::process::workspace().join(name));
        text.lines().filter(|line| line.starts_with("## ")).count()
    };
    assert_eq!(parts("README.md"), parts("README.zh-CN.md"));
}
