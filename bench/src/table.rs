//! What is printed: plain text, columns in line, and at the end what was aimed at.

use std::fmt::Write as _;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.into(), rows: vec![columns], notes: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// A line below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn print(&self) {
        println!("{}", self.to_text());
    }

    fn to_text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = format!("\n{}\n", self.title);
        for row in &self.rows {
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = width - cell.chars().count();
                // The first column names, the others count.
                let (before, after) = if index == 0 { (0, gap) } else { (gap, 0) };
                let _ = write!(text, "  {}{cell}{}", " ".repeat(before), " ".repeat(after));
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }
}

/// Whether a figure reaches what was aimed at.
#[derive(Debug, Default)]
pub(crate) struct Targets(Vec<[String; 4]>);

impl Targets {
    /// A figure that is to be at least so much.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, target: f64, unit: &str) {
        self.add(what, figure, target, unit, "≥", figure >= target);
    }

    /// A figure that is to be at most so much.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, target: f64, unit: &str) {
        self.add(what, figure, target, unit, "≤", figure <= target);
    }

    fn add(&mut self, what: &str, figure: f64, target: f64, unit: &str, sign: &str, is_met: bool) {
        let verdict = if is_met { "met" } else { "NOT MET" };
        let (figure, target) = (number(figure), number(target));
        self.0.push([what.into(), format!("{figure} {unit}"), format!("{sign} {target} {unit}"), verdict.into()]);
    }

    pub(crate) fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        let mut table = Table::new("Targets", &["", "figure", "target", ""]);
        self.0.iter().cloned().for_each(|row| table.row(row));
        table.print();
    }
}

/// A number as people read it: three significant digits, or thousands set apart.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        below if below < 0.095 => format!("{value:.3}"),
        below if below < 9.95 => format!("{value:.2}"),
        below if below < 99.5 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A whole number.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn whole(value: u64) -> String {
    grouped(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let cases = [
            (0.0123, "0.012"),
            (1.234, "1.23"),
            (42.04, "42.0"),
            (100.4, "100"),
            (123_456.7, "123 457"),
            (-1e3, "-1 000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn columns_stand_in_line() {
        let mut table = Table::new("Speed", &["nodes", "readings/s"]);
        table.row(["10".into(), "100 000".into()]);
        table.note("a note");
        assert_eq!(table.to_text(), "\nSpeed\n  nodes  readings/s\n  10        100 000\n  a note\n");
    }
}
