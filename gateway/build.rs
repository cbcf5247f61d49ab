//! Makes cargo look at the dashboard's pages again when they were built anew: a release build holds them.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let pages = "../dashboard/dist";
    // A path that does not exist would make every debug build start over.
    if Path::new(pages).exists() || env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed={pages}");
    }
}
