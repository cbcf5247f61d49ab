//! What is left of the readings of a minute, an hour or a day. Pure.

use domain::time::UnixMs;

use crate::store::codec::{
    CodecError,
    bytes::{Reader, put_varint, seal, unseal},
    column::{self, put_floats, put_integers},
};

const VERSION: u8 = 1;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days begin at midnight in Beijing, which knows no summer time.
const BEIJING_MS: i64 = 8 * HOUR_MS;

/// What a cell takes of the database, about.
pub(in crate::store) const USUAL_BYTES: f64 = 4.0;

/// How long a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Step {
    Minute = 1,
    Hour = 2,
    Day = 3,
}

impl Step {
    /// All, shortest first.
    pub(in crate::store) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The step of this number in the table.
    pub(in crate::store) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as i64 == number)
    }

    /// What its cells become when their time is up; None: nothing.
    pub(in crate::store) const fn coarser(self) -> Option<Self> {
        match self {
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => None,
        }
    }

    /// Milliseconds of a cell.
    pub(in crate::store) const fn cell_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// Milliseconds of a row of the table: a day, 64 days, 1024 days; some 1500 cells at most.
    const fn page_ms(self) -> i64 {
        match self {
            Self::Minute => DAY_MS,
            Self::Hour => 64 * DAY_MS,
            Self::Day => 1024 * DAY_MS,
        }
    }

    /// When the row that holds `at` begins.
    pub(in crate::store) fn page_of(self, at: UnixMs) -> UnixMs {
        UnixMs(floor(at.0, self.page_ms()))
    }

    /// When a row that begins at `page` ends, exclusive.
    pub(in crate::store) const fn page_end(self, page: UnixMs) -> UnixMs {
        UnixMs(page.0.saturating_add(self.page_ms()))
    }
}

/// The summary of some readings of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store) struct Cell {
    /// When the minute, hour or day begins.
    pub(in crate::store) at: UnixMs,
    /// All readings.
    pub(in crate::store) reading_count: u64,
    /// What there is to say about those that can be judged; None: there are none.
    pub(in crate::store) figures: Option<Figures>,
}

/// Statistics of usable numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store) struct Figures {
    pub(in crate::store) count: u64,
    pub(in crate::store) min: f64,
    pub(in crate::store) max: f64,
    pub(in crate::store) sum: f64,
    /// The earliest number and when it was.
    pub(in crate::store) first: (UnixMs, f64),
    /// The latest number and when it was; of equal times the later arrival.
    pub(in crate::store) last: (UnixMs, f64),
}

impl Figures {
    fn of(at: UnixMs, number: f64) -> Self {
        Self { count: 1, min: number, max: number, sum: number, first: (at, number), last: (at, number) }
    }

    /// Adds figures that arrived later.
    fn add(&mut self, later: &Self) {
        self.count += later.count;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        if later.first.0 < self.first.0 {
            self.first = later.first;
        }
        if later.last.0 >= self.last.0 {
            self.last = later.last;
        }
    }
}

impl Cell {
    /// Of one reading; `number` is NaN when it cannot be judged.
    pub(in crate::store) fn of(at: UnixMs, number: f64) -> Self {
        Self { at, reading_count: 1, figures: (!number.is_nan()).then(|| Figures::of(at, number)) }
    }
}

/// Cells of `step` with everything that is in `parts`: readings or shorter cells, in order of arrival.
pub(in crate::store) fn gather(step: Step, parts: impl IntoIterator<Item = Cell>) -> Vec<Cell> {
    let mut cells: Vec<Cell> =
        parts.into_iter().map(|part| Cell { at: UnixMs(floor(part.at.0, step.cell_ms())), ..part }).collect();
    // Stable: what arrived earlier stays first.
    cells.sort_by_key(|cell| cell.at);
    cells.dedup_by(|later, cell| {
        if later.at != cell.at {
            return false;
        }
        cell.reading_count += later.reading_count;
        match (&mut cell.figures, &later.figures) {
            (Some(figures), Some(more)) => figures.add(more),
            (None, more) => cell.figures = *more,
            (Some(_), None) => {}
        }
        true
    });
    cells
}

/// Cells in order of time as a frame:
///
/// ```text
/// u8 version · varint cells · begins · readings · usable readings · of the cells that have some:
/// min · max · sum · first · last · ms of the first after the cell's begin · ms of the last · u32 CRC-32
/// ```
pub(in crate::store) fn encode(cells: &[Cell]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(&mut out, cells.len() as u64);
    if cells.is_empty() {
        return seal(out);
    }
    let integers = |number: fn(&Cell) -> i64| cells.iter().map(number).collect::<Vec<_>>();
    put_integers(&mut out, &integers(|cell| cell.at.0));
    put_integers(&mut out, &integers(|cell| cell.reading_count.cast_signed()));
    put_integers(&mut out, &integers(|cell| cell.figures.map_or(0, |figures| figures.count.cast_signed())));
    let judged: Vec<(UnixMs, Figures)> = cells.iter().filter_map(|cell| Some((cell.at, cell.figures?))).collect();
    if judged.is_empty() {
        return seal(out);
    }
    let floats = |number: fn(&Figures) -> f64| judged.iter().map(|(_, figures)| number(figures)).collect::<Vec<_>>();
    put_floats(&mut out, &floats(|figures| figures.min));
    put_floats(&mut out, &floats(|figures| figures.max));
    put_floats(&mut out, &floats(|figures| figures.sum));
    put_floats(&mut out, &floats(|figures| figures.first.1));
    put_floats(&mut out, &floats(|figures| figures.last.1));
    put_integers(&mut out, &judged.iter().map(|(at, figures)| figures.first.0.since_ms(*at)).collect::<Vec<_>>());
    put_integers(&mut out, &judged.iter().map(|(at, figures)| figures.last.0.since_ms(*at)).collect::<Vec<_>>());
    seal(out)
}

/// The most cells of a row.
const CELLS_MAX: usize = 1536;

/// What [`encode`] wrote.
///
/// # Errors
/// [`CodecError`] when the frame is damaged or of a newer version.
pub(in crate::store) fn decode(frame: &[u8]) -> Result<Vec<Cell>, CodecError> {
    let mut reader = Reader::new(unseal(frame)?);
    match reader.byte()? {
        VERSION => {}
        other => return Err(CodecError::Version(other)),
    }
    let count = reader.length()?;
    if count > CELLS_MAX {
        return Err(CodecError::TooMany { count: count as u64, limit: CELLS_MAX });
    }
    if count == 0 {
        reader.finish()?;
        return Ok(Vec::new());
    }
    let begins = column::integers(&mut reader, count)?;
    let readings = column::integers(&mut reader, count)?;
    let usable = column::integers(&mut reader, count)?;
    let judged = usable.iter().filter(|&&usable| usable != 0).count();
    let mut figures = if judged == 0 { Vec::new() } else { read_figures(&mut reader, judged)? }.into_iter();
    reader.finish()?;
    let cells = begins.into_iter().zip(readings).zip(usable).map(|((at, readings), usable)| {
        let at = UnixMs(at);
        let figures = if usable == 0 { None } else { figures.next() };
        Cell {
            at,
            reading_count: readings.cast_unsigned(),
            figures: figures.map(|figures| Figures {
                count: usable.cast_unsigned(),
                first: (at.plus_ms(figures.first.0.0), figures.first.1),
                last: (at.plus_ms(figures.last.0.0), figures.last.1),
                ..figures
            }),
        }
    });
    Ok(cells.collect())
}

/// The figures, with times counted from their cells' beginnings.
fn read_figures(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Figures>, CodecError> {
    let mut floats = || column::floats(reader, count);
    let (min, max, sum, first, last) = (floats()?, floats()?, floats()?, floats()?, floats()?);
    let (first_ms, last_ms) = (column::integers(reader, count)?, column::integers(reader, count)?);
    Ok((0..count)
        .map(|index| Figures {
            count: 0,
            min: min[index],
            max: max[index],
            sum: sum[index],
            first: (UnixMs(first_ms[index]), first[index]),
            last: (UnixMs(last_ms[index]), last[index]),
        })
        .collect())
}

/// The latest beginning at or before `at` of what lasts `length_ms` from midnight in Beijing on.
fn floor(at: i64, length_ms: i64) -> i64 {
    let local = at.saturating_add(BEIJING_MS);
    local.saturating_sub(local.rem_euclid(length_ms)).saturating_sub(BEIJING_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Vec<(UnixMs, f64)>> {
        let number =
            prop_oneof![3 => (-400_i32..4000).prop_map(|tenths| f64::from(tenths) / 10.0), 1 => Just(f64::NAN)];
        proptest::collection::vec(((0_i64..20_000_000).prop_map(UnixMs), number), 0..200)
    }

    proptest! {
        #[test]
        fn cells_come_back(numbers in numbers()) {
            let cells = gather(Step::Minute, numbers.into_iter().map(|(at, number)| Cell::of(at, number)));
            prop_assert_eq!(decode(&encode(&cells)).unwrap(), cells);
        }

        #[test]
        fn hours_of_minutes_are_hours_of_readings(numbers in numbers()) {
            let parts = || numbers.iter().map(|&(at, number)| Cell::of(at, number));
            let direct = gather(Step::Hour, parts());
            let by_minutes = gather(Step::Hour, gather(Step::Minute, parts()));
            prop_assert_eq!(direct.len(), by_minutes.len());
            for (one, other) in direct.iter().zip(&by_minutes) {
                prop_assert_eq!((one.at, one.reading_count), (other.at, other.reading_count));
                prop_assert_eq!(one.figures.map(|f| (f.count, f.min, f.max)), other.figures.map(|f| (f.count, f.min, f.max)));
                // Of equal times the later arrival is last.
                prop_assert_eq!(one.figures.map(|f| (f.first, f.last)), other.figures.map(|f| (f.first, f.last)));
            }
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_beijing() {
        // 2026-09-21 22:13:20 in Beijing.
        let at = UnixMs(1_790_000_000_000);
        let day = gather(Step::Day, [Cell::of(at, 1.0)])[0].at;
        assert_eq!(day, UnixMs(1_789_920_000_000));
        assert_eq!(at.since_ms(day), (22 * 3600 + 13 * 60 + 20) * 1000);
        assert_eq!(Step::Minute.page_of(at), day);
    }

    #[test]
    fn a_minute_of_a_restless_pressure_takes_about_as_much_as_is_reckoned_with() {
        // A day at one a second, in thousandths of a megapascal with noise of some twenty steps.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut noise = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            u32::try_from(random % 41).unwrap()
        };
        let readings = (0..86_400).map(|second| Cell::of(UnixMs(second * 1000), f64::from(1200 + noise()) / 1e3));
        let cells = gather(Step::Minute, readings);
        let bytes = encode(&cells).len() / cells.len();
        assert!((3..=5).contains(&bytes), "{bytes} bytes a minute");
    }

    #[test]
    fn damage_is_noticed() {
        let mut frame = encode(&[Cell::of(UnixMs(5), 1.0)]);
        frame[2] ^= 1;
        assert_eq!(decode(&frame), Err(CodecError::Checksum));
    }
}
