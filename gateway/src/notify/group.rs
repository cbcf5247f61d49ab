//! What goes to a target as one message: what happens at one site, and what one edge node speaks for, whose death or whose
//! place explains all of it. Pure.

use std::collections::{BTreeMap, HashMap};

use domain::notice::{Notice, Subject};

/// What a notice shares with others of its group: its site and its edge node; else what it is about.
pub(super) fn keys_of(notice: &Notice) -> Vec<String> {
    let site = notice.site.as_ref().map(|site| format!("site {site}"));
    let node = notice.node.as_ref().map(|node| format!("node {node}"));
    let keys: Vec<String> = site.into_iter().chain(node).collect();
    if !keys.is_empty() {
        return keys;
    }
    vec![match &notice.subject {
        Subject::Alarm(_) => "alarms".into(),
        Subject::Case(_) => "cases".into(),
        Subject::Channel(name) => format!("channel {name}"),
    }]
}

/// Items with their keys as groups: what shares a key, directly or by others, is one. Groups stand in the order of their
/// first items, and so do the items of each.
pub(super) fn gathered<T>(items: Vec<(Vec<String>, T)>) -> Vec<Vec<T>> {
    // Each item points to an earlier one of its group, or to itself.
    let mut earlier: Vec<usize> = Vec::with_capacity(items.len());
    let mut first_with: HashMap<&str, usize> = HashMap::new();
    for (place, (keys, _)) in items.iter().enumerate() {
        earlier.push(place);
        for key in keys {
            let other = *first_with.entry(key).or_insert(place);
            let (one, other) = (first_of(&earlier, place), first_of(&earlier, other));
            earlier[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<T>> = BTreeMap::new();
    for (place, (_, item)) in items.into_iter().enumerate() {
        groups.entry(first_of(&earlier, place)).or_default().push(item);
    }
    groups.into_values().collect()
}

fn first_of(earlier: &[usize], mut place: usize) -> usize {
    while earlier[place] != place {
        place = earlier[place];
    }
    place
}
