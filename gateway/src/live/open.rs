//! The open alarms in the order in which people are needed, by place: the first of a list, the next page and the counts
//! cost the same whether ten are open or a hundred thousand. Pure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, btree_map::Range},
    ops::{Bound, RangeInclusive},
    sync::Arc,
};

use domain::{
    access::Jurisdiction,
    alarm::{Attention, Precedence, Severity},
    id::{AlarmId, OwnerId, ProfileId, TownshipCode},
    registry::Place,
};
use protocol::rest::{Alarm, AlarmCount};

/// Who may see an alarm, and where it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spot {
    /// Of its device; None: it has left the registry, and only the district sees it.
    pub place: Option<(TownshipCode, OwnerId)>,
    /// Of its device; None: it has left the registry.
    pub profile: Option<ProfileId>,
}

/// Where something is counted: the township that stands on the alarm, and the kind of device.
type CellKey = (TownshipCode, Option<ProfileId>);

/// By what an alarm asks, and by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    counts: [[u32; 4]; 3],
}

/// The alarms of one township or of one owner.
#[derive(Debug, Default)]
struct Shelf {
    order: BTreeMap<Precedence, Entry>,
    cells: BTreeMap<CellKey, Cell>,
}

/// An alarm on a shelf. Its words stand beside it, so that a search touches nothing else of what it does not find.
#[derive(Debug)]
struct Entry {
    alarm: Arc<Alarm>,
    /// All that is searched, in lower case.
    words: Arc<str>,
}

/// One of the shelves that a jurisdiction looks at: what a search goes through at a time.
#[derive(Debug, Clone)]
pub enum ShelfKey {
    /// Of a township; None: of devices that have left the registry.
    Township(Option<TownshipCode>),
    /// Of an owner.
    Owner(OwnerId),
}

#[derive(Debug)]
struct Kept {
    alarm: Arc<Alarm>,
    spot: Spot,
}

/// Which part of a list. Empty sets do not narrow it.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// What the alarms ask of people.
    pub attentions: Vec<Attention>,
    /// How bad they are.
    pub severities: Vec<Severity>,
    /// In this township only.
    pub township: Option<TownshipCode>,
}

/// Every open alarm of the district.
#[derive(Debug, Default)]
pub struct OpenAlarms {
    kept: HashMap<AlarmId, Kept>,
    /// None: of devices that have left the registry.
    townships: BTreeMap<Option<TownshipCode>, Shelf>,
    owners: BTreeMap<OwnerId, Shelf>,
}

impl OpenAlarms {
    /// Puts an alarm in its place; one that is over leaves. Answers where something changed: where it was, where it is.
    pub fn put(&mut self, alarm: Arc<Alarm>, spot: Spot) -> [Option<Spot>; 2] {
        let before = self.remove(alarm.id);
        if alarm.closed_at_ms.is_some() {
            return [before, None];
        }
        let (place, key, cell) = (precedence(&alarm), cell_key(&alarm, &spot), cell_index(&alarm));
        let words = words_of(&alarm);
        for shelf in self.shelves_of(&spot) {
            shelf.order.insert(place, Entry { alarm: Arc::clone(&alarm), words: Arc::clone(&words) });
            shelf.cells.entry(key.clone()).or_default().counts[cell.0][cell.1] += 1;
        }
        self.kept.insert(alarm.id, Kept { alarm, spot: spot.clone() });
        [before.filter(|before| *before != spot), Some(spot)]
    }

    /// Moves what no longer stands where `spot_of` says.
    pub fn relocate(&mut self, spot_of: impl Fn(&Alarm) -> Spot) {
        let moved: Vec<(Arc<Alarm>, Spot)> = self
            .kept
            .values()
            .filter_map(|kept| {
                let spot = spot_of(&kept.alarm);
                (spot != kept.spot).then(|| (Arc::clone(&kept.alarm), spot))
            })
            .collect();
        for (alarm, spot) in moved {
            self.put(alarm, spot);
        }
    }

    fn remove(&mut self, id: AlarmId) -> Option<Spot> {
        let Kept { alarm, spot } = self.kept.remove(&id)?;
        let (place, key, cell) = (precedence(&alarm), cell_key(&alarm, &spot), cell_index(&alarm));
        for shelf in self.shelves_of(&spot) {
            shelf.order.remove(&place);
            if let Some(known) = shelf.cells.get_mut(&key) {
                known.counts[cell.0][cell.1] -= 1;
                if *known == Cell::default() {
                    shelf.cells.remove(&key);
                }
            }
        }
        Some(spot)
    }

    /// The shelves on which an alarm of this spot stands.
    fn shelves_of(&mut self, spot: &Spot) -> impl Iterator<Item = &mut Shelf> {
        let (township, owner) = spot.place.clone().unzip();
        let of_owner = owner.map(|owner| self.owners.entry(owner).or_default());
        [Some(self.townships.entry(township).or_default()), of_owner].into_iter().flatten()
    }

    /// An alarm, if it is open and lies within the jurisdiction.
    pub fn get(&self, jurisdiction: &Jurisdiction, id: AlarmId) -> Option<&Arc<Alarm>> {
        let kept = self.kept.get(&id)?;
        covers(jurisdiction, &kept.spot).then_some(&kept.alarm)
    }

    /// The alarms of a jurisdiction in their order, after a place in it.
    pub fn list<'a>(
        &'a self,
        jurisdiction: &Jurisdiction,
        part: &Part,
        after: Precedence,
    ) -> impl Iterator<Item = &'a Arc<Alarm>> + use<'a> {
        let (ranges, part) = (ranges(part), part.clone());
        let shelves: Vec<&Shelf> = self.shelves(jurisdiction, part.township.as_ref());
        // What lies one after another in the order is walked one after another; within, the shelves are merged.
        let alarms = ranges.into_iter().flat_map(move |range| merged(&shelves, &range, after));
        alarms.filter(move |alarm| part.is_there(alarm))
    }

    /// The alarms of a jurisdiction in no order: whoever looks at all of them need not pay for it.
    pub fn each<'a>(
        &'a self,
        jurisdiction: &Jurisdiction,
        part: &'a Part,
    ) -> impl Iterator<Item = &'a Arc<Alarm>> + use<'a> {
        let ranges = ranges(part);
        self.shelves(jurisdiction, part.township.as_ref())
            .into_iter()
            .flat_map(move |shelf| ranges.clone().into_iter().flat_map(|range| shelf.order.range(range)))
            .map(|(_, entry)| &entry.alarm)
            .filter(|alarm| part.is_there(alarm))
    }

    /// The shelves on which the alarms of a jurisdiction stand, those of one township alone if it is named.
    pub fn shelf_keys(&self, jurisdiction: &Jurisdiction, township: Option<&TownshipCode>) -> Vec<ShelfKey> {
        let is_wanted = |code: Option<&TownshipCode>| township.is_none() || code == township;
        match jurisdiction {
            Jurisdiction::District => {
                let codes = self.townships.keys().filter(|code| is_wanted(code.as_ref()));
                codes.cloned().map(ShelfKey::Township).collect()
            }
            Jurisdiction::Townships { codes } => {
                let codes = codes.iter().filter(|code| is_wanted(Some(code)));
                codes.map(|code| ShelfKey::Township(Some(code.clone()))).collect()
            }
            Jurisdiction::Owner { id } => vec![ShelfKey::Owner(id.clone())],
        }
    }

    /// The first `limit` alarms of one shelf after a place in the order that are wanted; `is_wanted` is given their words, in
    /// lower case, beside them.
    pub fn find(
        &self,
        key: &ShelfKey,
        part: &Part,
        after: Precedence,
        limit: usize,
        is_wanted: impl Fn(&Alarm, &str) -> bool,
    ) -> Vec<(Precedence, Arc<Alarm>)> {
        let Some(chosen) = self.shelf(key) else { return Vec::new() };
        let found = ranges(part).into_iter().filter_map(|range| chosen.within(&range, after)).flatten();
        let found = found.filter(|(_, entry)| is_wanted(&entry.alarm, &entry.words) && part.is_there(&entry.alarm));
        found.map(|(place, entry)| (*place, Arc::clone(&entry.alarm))).take(limit).collect()
    }

    /// All counts of a jurisdiction.
    pub fn counts(&self, jurisdiction: &Jurisdiction) -> Vec<AlarmCount> {
        let mut sum: BTreeMap<&CellKey, Cell> = BTreeMap::new();
        for shelf in self.shelves(jurisdiction, None) {
            for (key, cell) in &shelf.cells {
                sum.entry(key).or_default().add(cell);
            }
        }
        sum.into_iter().map(|(key, cell)| cell.count(key)).collect()
    }

    /// The counts of a jurisdiction at these spots, those that have come to nothing included.
    pub fn counts_at<'a>(
        &self,
        jurisdiction: &Jurisdiction,
        spots: impl IntoIterator<Item = &'a (Spot, TownshipCode)>,
    ) -> Vec<AlarmCount> {
        let keys: BTreeSet<CellKey> = spots
            .into_iter()
            .filter(|(spot, _)| covers(jurisdiction, spot))
            .map(|(spot, township)| (township.clone(), spot.profile.clone()))
            .collect();
        let shelves = self.shelves(jurisdiction, None);
        let of = |key: &CellKey| {
            let mut sum = Cell::default();
            shelves.iter().filter_map(|shelf| shelf.cells.get(key)).for_each(|cell| sum.add(cell));
            sum
        };
        keys.iter().map(|key| of(key).count(key)).collect()
    }

    fn shelves(&self, jurisdiction: &Jurisdiction, township: Option<&TownshipCode>) -> Vec<&Shelf> {
        self.shelf_keys(jurisdiction, township).iter().filter_map(|key| self.shelf(key)).collect()
    }

    /// None: nothing ever stood on it.
    fn shelf(&self, key: &ShelfKey) -> Option<&Shelf> {
        match key {
            ShelfKey::Township(code) => self.townships.get(code),
            ShelfKey::Owner(id) => self.owners.get(id),
        }
    }
}

impl Shelf {
    /// What stands within a range and after a place, in order; None: that place lies behind it.
    fn within(&self, range: &RangeInclusive<Precedence>, after: Precedence) -> Option<Range<'_, Precedence, Entry>> {
        let (start, end) = (*range.start(), *range.end());
        let from = if after < start { Bound::Included(start) } else { Bound::Excluded(after) };
        (after < end).then(|| self.order.range((from, Bound::Included(end))))
    }
}

impl Part {
    /// Whether an alarm lies in its township: of an owner's shelf not all do, of a township's shelf all.
    fn is_there(&self, alarm: &Alarm) -> bool {
        self.township.as_ref().is_none_or(|township| alarm.township == *township)
    }
}

impl Cell {
    fn add(&mut self, other: &Self) {
        for (mine, others) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *mine += others;
        }
    }

    fn count(self, (township, profile): &CellKey) -> AlarmCount {
        let [waiting, answered, set_aside] = self.counts;
        AlarmCount { township: township.clone(), profile: profile.clone(), waiting, answered, set_aside }
    }
}

/// What of an alarm is searched, in lower case.
fn words_of(alarm: &Alarm) -> Arc<str> {
    let told = [
        alarm.device.as_str(),
        &alarm.device_name,
        &alarm.site_name,
        &alarm.title_zh,
        &alarm.title_en,
        alarm.rule.as_str(),
        &alarm.cause_zh,
        &alarm.cause_en,
    ];
    told.join("\n").to_lowercase().into()
}

/// The place of an alarm in the order.
pub fn precedence(alarm: &Alarm) -> Precedence {
    Precedence::of(alarm.state, alarm.severity.0, alarm.id)
}

fn cell_key(alarm: &Alarm, spot: &Spot) -> CellKey {
    (alarm.township.clone(), spot.profile.clone())
}

fn cell_index(alarm: &Alarm) -> (usize, usize) {
    (Attention::of(alarm.state) as usize, alarm.severity.0 as usize - Severity::I as usize)
}

fn covers(jurisdiction: &Jurisdiction, spot: &Spot) -> bool {
    let place = spot.place.clone().map(|(township, owner)| Place { township, owner });
    jurisdiction.covers(place.as_ref())
}

/// The parts of the order that are wanted, first to last.
fn ranges(part: &Part) -> Vec<RangeInclusive<Precedence>> {
    const SEVERITIES: [Severity; 4] = [Severity::I, Severity::II, Severity::III, Severity::IV];
    let is_wanted = |attention, severity| {
        (part.attentions.is_empty() || part.attentions.contains(&attention))
            && (part.severities.is_empty() || part.severities.contains(&severity))
    };
    Attention::OPEN
        .into_iter()
        .flat_map(|attention| SEVERITIES.map(|severity| (attention, severity)))
        .filter(|&(attention, severity)| is_wanted(attention, severity))
        .map(|(attention, severity)| Precedence::range(attention, severity))
        .collect()
}

/// What stands within a range and after a place, of all shelves, in order.
fn merged<'a>(
    shelves: &[&'a Shelf],
    range: &RangeInclusive<Precedence>,
    after: Precedence,
) -> impl Iterator<Item = &'a Arc<Alarm>> + use<'a> {
    let mut sources: Vec<_> = shelves.iter().filter_map(|shelf| shelf.within(range, after)).collect();
    // The next of each shelf, and what stands there.
    let mut next: Vec<Option<&Arc<Alarm>>> = vec![None; sources.len()];
    let mut heads: BinaryHeap<Reverse<(Precedence, usize)>> = BinaryHeap::with_capacity(sources.len());
    for (at, source) in sources.iter_mut().enumerate() {
        if let Some((place, entry)) = source.next() {
            next[at] = Some(&entry.alarm);
            heads.push(Reverse((*place, at)));
        }
    }
    std::iter::from_fn(move || {
        let Reverse((_, at)) = heads.pop()?;
        let Some((place, following)) = sources[at].next() else { return next[at].take() };
        heads.push(Reverse((*place, at)));
        next[at].replace(&following.alarm)
    })
}

#[cfg(test)]
mod tests {
    use domain::alarm::AlarmState;
    use proptest::prelude::*;

    use super::*;
    use crate::live::fixture::alarm;

    const FENGSHAN: &str = "500156001";
    const BAIMA: &str = "500156101";

    fn spot(township: &str, owner: &str) -> Spot {
        Spot {
            place: Some((TownshipCode::new(township).unwrap(), OwnerId::new(owner).unwrap())),
            profile: Some(ProfileId::new("cold_store").unwrap()),
        }
    }

    fn of(number: i64, township: &str, state: AlarmState, severity: Severity) -> Arc<Alarm> {
        let mut alarm = alarm(number, "fridge", (state == AlarmState::Closed).then_some(9));
        alarm.township = TownshipCode::new(township).unwrap();
        (alarm.state, alarm.severity.0) = (state, severity);
        Arc::new(alarm)
    }

    fn of_township(code: &str) -> Jurisdiction {
        Jurisdiction::Townships { codes: Arc::new([TownshipCode::new(code).unwrap()].into()) }
    }

    fn ids<'a>(alarms: impl Iterator<Item = &'a Arc<Alarm>>) -> Vec<i64> {
        alarms.map(|alarm| alarm.id.0).collect()
    }

    #[test]
    fn a_list_is_in_order_of_need_and_holds_the_jurisdiction_only() {
        use AlarmState::{ActiveAcknowledged, ActiveUnacknowledged, Shelved};
        let mut open = OpenAlarms::default();
        open.put(of(1, FENGSHAN, ActiveUnacknowledged, Severity::IV), spot(FENGSHAN, "school"));
        open.put(of(2, BAIMA, ActiveUnacknowledged, Severity::I), spot(BAIMA, "school"));
        open.put(of(3, FENGSHAN, ActiveAcknowledged, Severity::I), spot(FENGSHAN, "hotel"));
        open.put(of(4, FENGSHAN, Shelved, Severity::II), spot(FENGSHAN, "school"));
        open.put(of(5, BAIMA, ActiveUnacknowledged, Severity::I), spot(BAIMA, "hotel"));
        let list = |jurisdiction: &Jurisdiction, part: &Part| ids(open.list(jurisdiction, part, Precedence::FIRST));
        assert_eq!(list(&Jurisdiction::District, &Part::default()), [5, 2, 1, 3, 4]);
        assert_eq!(list(&of_township(FENGSHAN), &Part::default()), [1, 3, 4]);
        let school = Jurisdiction::Owner { id: OwnerId::new("school").unwrap() };
        assert_eq!(list(&school, &Part::default()), [2, 1, 4]);
        let baima = Part { township: Some(TownshipCode::new(BAIMA).unwrap()), ..Part::default() };
        assert_eq!(list(&school, &baima), [2]);
        assert_eq!(list(&of_township(FENGSHAN), &baima), [0_i64; 0], "another's township is empty");
        let grave = Part { severities: vec![Severity::I], ..Part::default() };
        assert_eq!(list(&Jurisdiction::District, &grave), [5, 2, 3]);
        let waiting = Part { attentions: vec![Attention::Waiting], ..Part::default() };
        assert_eq!(list(&Jurisdiction::District, &waiting), [5, 2, 1]);
        let of_baima = Part { township: Some(TownshipCode::new(BAIMA).unwrap()), ..waiting };
        let mut each = ids(open.each(&Jurisdiction::District, &of_baima));
        each.sort_unstable();
        assert_eq!((each, ids(open.each(&school, &of_baima))), (vec![2, 5], vec![2]), "the same, in no order");
        let counts = open.counts(&school);
        assert_eq!(counts.iter().map(|count| count.waiting).collect::<Vec<_>>(), [[0, 0, 0, 1], [1, 0, 0, 0]]);
        assert!(open.get(&school, AlarmId(3)).is_none() && open.get(&school, AlarmId(4)).is_some());
    }

    #[test]
    fn a_search_looks_through_one_shelf_after_another_and_no_further_than_the_jurisdiction() {
        let mut open = OpenAlarms::default();
        for (number, township) in [(1, FENGSHAN), (2, BAIMA), (3, FENGSHAN), (4, FENGSHAN)] {
            let mut alarm = Alarm::clone(&of(number, township, AlarmState::ActiveUnacknowledged, Severity::II));
            "Cold Store A".clone_into(&mut alarm.device_name);
            alarm.cause_zh = format!("{number} °C");
            open.put(Arc::new(alarm), spot(township, "school"));
        }
        let find = |jurisdiction: &Jurisdiction, part: &Part, words: &str, after, limit| -> Vec<i64> {
            let keys = open.shelf_keys(jurisdiction, part.township.as_ref());
            let found = keys.iter().flat_map(|key| open.find(key, part, after, limit, |_, told| told.contains(words)));
            found.map(|(_, alarm)| alarm.id.0).collect()
        };
        let (all, first) = (Part::default(), Precedence::FIRST);
        let baima = Part { township: Some(TownshipCode::new(BAIMA).unwrap()), ..Part::default() };
        assert_eq!(find(&Jurisdiction::District, &all, "store a", first, 9), [4, 3, 1, 2]);
        assert_eq!(find(&Jurisdiction::District, &all, "3 °c", first, 9), [3]);
        assert_eq!(find(&Jurisdiction::District, &baima, "cold", first, 9), [2]);
        assert_eq!(find(&of_township(BAIMA), &all, "cold", first, 9), [2]);
        let school = Jurisdiction::Owner { id: OwnerId::new("school").unwrap() };
        assert_eq!(find(&school, &all, "cold", first, 9), [4, 3, 2, 1]);
        assert_eq!(find(&school, &baima, "cold", first, 9), [2]);
        let third = precedence(&of(3, FENGSHAN, AlarmState::ActiveUnacknowledged, Severity::II));
        assert_eq!(find(&of_township(FENGSHAN), &all, "cold", third, 9), [1], "the next page");
        assert_eq!(find(&of_township(FENGSHAN), &all, "cold", first, 1), [4]);
    }

    #[test]
    fn what_moved_is_counted_where_it_is() {
        let mut open = OpenAlarms::default();
        let raised = of(1, FENGSHAN, AlarmState::ActiveUnacknowledged, Severity::II);
        open.put(raised, spot(FENGSHAN, "school"));
        open.relocate(|_| spot(BAIMA, "school"));
        assert!(open.counts(&of_township(FENGSHAN)).is_empty());
        assert_eq!(ids(open.list(&of_township(BAIMA), &Part::default(), Precedence::FIRST)), [1]);
        let over = of(1, BAIMA, AlarmState::Closed, Severity::II);
        assert_eq!(open.put(over, spot(BAIMA, "school")), [Some(spot(BAIMA, "school")), None]);
        assert!(open.counts(&Jurisdiction::District).is_empty());
    }

    proptest! {
        /// Whatever happened before: pages put together are the list, and counts are what is listed.
        #[test]
        fn pages_and_counts_agree_with_the_list(
            steps in prop::collection::vec((0..20_i64, 0..3_usize, 0..9_usize, 1..5_u8), 0..60),
            size in 1..7_usize,
        ) {
            let townships = [FENGSHAN, BAIMA, "500156003"];
            let mut open = OpenAlarms::default();
            for (number, township, state, severity) in steps {
                let township = townships[township];
                let severity = Severity::from_u8(severity).unwrap();
                open.put(of(number, township, AlarmState::ALL[state], severity), spot(township, "school"));
            }
            for jurisdiction in [Jurisdiction::District, of_township(BAIMA)] {
                let whole: Vec<_> = open.list(&jurisdiction, &Part::default(), Precedence::FIRST).collect();
                prop_assert!(whole.iter().map(|alarm| precedence(alarm)).is_sorted());
                let (mut paged, mut after) = (Vec::new(), Precedence::FIRST);
                loop {
                    let page: Vec<_> = open.list(&jurisdiction, &Part::default(), after).take(size).collect();
                    let Some(last) = page.last() else { break };
                    after = precedence(last);
                    paged.extend(page);
                }
                prop_assert_eq!(&paged, &whole);
                let counted: u32 = open
                    .counts(&jurisdiction)
                    .iter()
                    .flat_map(|count| [count.waiting, count.answered, count.set_aside].into_iter().flatten())
                    .sum();
                prop_assert_eq!(counted as usize, whole.len());
            }
        }
    }
}
