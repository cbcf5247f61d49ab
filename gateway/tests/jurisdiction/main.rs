//! Who sees what: every route of the API, asked by nobody and by each role, for what lies inside and outside the
//! jurisdiction, over a real listener and a real store. A route without a row in [`rows`] fails.

#![expect(clippy::unwrap_used, reason = "an assertion, in a test")]

mod amendments;
mod browser;
mod district;
mod groups;
mod program;
mod queries;
mod rows;
mod sockets;

use std::collections::BTreeSet;

use domain::access::Role;
use futures_util::future::join_all;

use crate::{
    district::{District, MARKS_OF_OUTSIDE},
    program::Program,
    rows::{Needs, ROWS, Row},
};

#[test]
fn every_route_of_the_document_has_a_row_and_every_row_a_route() {
    let document: serde_json::Value = serde_json::from_str(&gateway::api::openapi::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let routes: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())))
        .collect();
    let rows: BTreeSet<(String, String)> =
        ROWS.iter().map(|row| (row.method.to_owned(), row.route.to_owned())).collect();
    assert_eq!(rows.len(), ROWS.len(), "a row is there twice");
    assert_eq!(routes.difference(&rows).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "routes without a row");
    assert_eq!(rows.difference(&routes).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "rows without a route");
}

#[test]
fn the_api_page_names_every_route() {
    let page = include_str!("../../../docs/ref/api.md");
    for row in ROWS {
        // `/owners/{id}` and its like are described together.
        let stem = row.route.trim_end_matches("/{id}");
        assert!(page.contains(stem), "docs/ref/api.md does not name {stem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_anything_but_what_is_open() {
    let district = District::start().await;
    let nobody = Program::nobody(&district);
    for row in ROWS {
        let (status, _) = nobody.ask(row, row.inside).await;
        let expected = if row.needs == Needs::Nothing { row.done } else { &[401] };
        assert!(expected.contains(&status), "{} {}: {status}, not {expected:?}", row.method, row.inside);
    }
    district.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_gets_what_it_may_inside_and_nothing_outside() {
    let each = Role::ALL.map(async |role| {
        let district = District::start().await;
        for row in ROWS {
            check(&district, role, row).await;
        }
        district.stop().await;
    });
    join_all(each).await;
}

async fn check(district: &District, role: Role, row: &Row) {
    // Each row has a session of its own, since some rows end it.
    let person = Program::of(district, role).await;
    let name = |path: &str| format!("{role:?} {} {path}", row.method);
    let is_limited = !matches!(role, Role::Admin | Role::CentreOperator);
    let may = match row.needs {
        Needs::Nothing | Needs::Session => true,
        Needs::Permission(permission) => role.may(permission),
    };

    if let Some(outside) = row.outside {
        let (status, text) = person.ask(row, outside).await;
        let expected = match (may, is_limited) {
            (false, _) => &[403][..],
            (true, true) => &[404],
            (true, false) => row.done,
        };
        assert!(expected.contains(&status), "{}: {status}, not {expected:?}: {text}", name(outside));
    }
    let (status, text) = person.ask(row, row.inside).await;
    let expected = if may { row.done } else { &[403] };
    assert!(expected.contains(&status), "{}: {status}, not {expected:?}: {text}", name(row.inside));
    if may {
        for shown in row.shows {
            assert!(text.contains(shown), "{}: `{shown}` is not shown: {text}", name(row.inside));
        }
    }
    // Not even a name of what lies outside, whatever the route.
    if is_limited {
        for mark in MARKS_OF_OUTSIDE {
            assert!(!text.contains(mark), "{}: `{mark}` leaks: {text}", name(row.inside));
        }
    }
}
