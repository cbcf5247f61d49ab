//! Columns to values of the domain. What does not fit was not written by this program: an error, never a guess.

use std::{fmt::Display, str::FromStr};

use domain::{reading::Reading, time::UnixMs};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Any, AnyConnection, AssertSqlSafe, Decode, Row as _, Type,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{codec::journal, error::StoreError};

/// Typed access to the columns of a row.
pub(super) trait Columns {
    /// A column as it is.
    fn get_as<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is an id.
    fn id<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is an id, where there may be none.
    fn id_or_none<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StoreError>;
    /// A text that is a word of an enumeration.
    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A text that is JSON.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A flag, stored as 0 or 1.
    fn flag(&self, column: &'static str) -> Result<bool, StoreError>;
    /// A whole number that is never negative and fits the type.
    fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError>;
    /// A moment.
    fn time(&self, column: &'static str) -> Result<UnixMs, StoreError>;
    /// A moment, where there may be none.
    fn time_or_none(&self, column: &'static str) -> Result<Option<UnixMs>, StoreError>;
    /// One reading, where there may be none.
    fn reading_or_none(&self, column: &'static str) -> Result<Option<Reading>, StoreError>;
}

impl Columns for AnyRow {
    fn get_as<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T, StoreError> {
        self.try_get(column).map_err(StoreError::damaged(column))
    }

    fn id<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        text.parse().map_err(StoreError::damaged(column))
    }

    fn id_or_none<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get_as(column)?;
        text.map(|text| text.parse()).transpose().map_err(StoreError::damaged(column))
    }

    fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        serde_json::from_value(text.into()).map_err(StoreError::damaged(column))
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get_as(column)?;
        serde_json::from_str(&text).map_err(StoreError::damaged(column))
    }

    fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.get_as::<i64>(column)? != 0)
    }

    fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.get_as::<i64>(column)?.try_into().map_err(StoreError::damaged(column))
    }

    fn time(&self, column: &'static str) -> Result<UnixMs, StoreError> {
        self.get_as(column).map(UnixMs)
    }

    fn time_or_none(&self, column: &'static str) -> Result<Option<UnixMs>, StoreError> {
        Ok(self.get_as::<Option<i64>>(column)?.map(UnixMs))
    }

    fn reading_or_none(&self, column: &'static str) -> Result<Option<Reading>, StoreError> {
        let Some(frame) = self.get_as::<Option<Vec<u8>>>(column)? else { return Ok(None) };
        let readings = journal::decode(&frame).map_err(StoreError::damaged(column))?;
        Ok(readings.into_iter().next())
    }
}

/// A value of an enumeration as the word that [`Columns::word`] reads.
pub(crate) fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("only enumerations of plain words are stored as words, not {other:?}"),
    }
}

/// A value as JSON text.
pub(super) fn json_of<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("maps of numbers and lists of texts are JSON")
}

/// Rows of so many values that go in one statement. SQLite finds each numbered value by going through the names of those
/// before it, so that a statement of n values costs n²: with statements of 14 000 a batch in a flood took more than a second.
const fn rows_per_statement(columns: usize) -> usize {
    const VALUES: usize = 256;
    if columns < VALUES { VALUES / columns } else { 1 }
}

/// As many rows of `columns` values at a time as go in one statement, with their placeholders.
pub(super) fn by_statement<T>(rows: &[T], columns: usize) -> impl Iterator<Item = (&[T], String)> {
    rows.chunks(rows_per_statement(columns)).map(move |rows| (rows, placeholders(rows.len(), columns, 0)))
}

/// As many values at a time as go in one statement's list, with that list's placeholders; `before` stand before it.
pub(super) fn lists<T>(values: &[T], before: usize) -> impl Iterator<Item = (&[T], String)> {
    values.chunks(rows_per_statement(1)).map(move |values| (values, placeholders(1, values.len(), before)))
}

/// A statement with the values that are bound to it so far.
pub(super) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Runs a statement for many rows, as many of them at a time as go in one: `sql` makes it of their placeholders, `bind` adds
/// the `columns` values of a row. Answers how many rows of the database it touched.
pub(super) async fn write_rows<T>(
    connection: &mut AnyConnection,
    rows: &[T],
    columns: usize,
    sql: impl Fn(&str) -> String,
    bind: impl for<'q> Fn(Statement<'q>, &T) -> Statement<'q>,
) -> Result<u64, sqlx::Error> {
    let mut touched = 0;
    for (rows, values) in by_statement(rows, columns) {
        let statement = rows.iter().fold(sqlx::query(AssertSqlSafe(sql(&values))), &bind);
        touched += statement.execute(&mut *connection).await?.rows_affected();
    }
    Ok(touched)
}

/// Runs a statement that ends in `IN` for many ids; `before` are its parameters before them.
pub(super) async fn for_ids(
    connection: &mut AnyConnection,
    sql: &'static str,
    before: &[i64],
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    for (ids, list) in lists(ids, before.len()) {
        let statement = sqlx::query(AssertSqlSafe(format!("{sql} {list}")));
        let statement = before.iter().chain(ids).fold(statement, |statement, id| statement.bind(*id));
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

/// `($1, $2), ($3, $4)`: placeholders for `rows` rows of `columns` values each, after `before` earlier ones.
pub(super) fn placeholders(rows: usize, columns: usize, before: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let number = before + row * columns + column + 1;
            let comma = if column == 0 { "" } else { ", " };
            write!(text, "{comma}${number}").expect("writing to a string never fails");
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through() {
        assert_eq!(placeholders(2, 3, 1), "($2, $3, $4), ($5, $6, $7)");
    }

    #[test]
    fn rows_are_taken_statement_by_statement() {
        let of = |count: usize, columns| {
            by_statement(&vec![(); count], columns)
                .map(|(rows, values)| (rows.len(), values.matches('$').count()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(0, 14), []);
        assert_eq!(of(40, 14), [(18, 252), (18, 252), (4, 56)]);
        assert_eq!(of(2, 1000), [(1, 1000), (1, 1000)], "a row is never cut");
        let of_lists: Vec<_> = lists(&[(); 257], 2).map(|(values, list)| (values.len(), list.len())).collect();
        assert_eq!((of_lists[0].0, of_lists[1]), (256, (1, "($3)".len())));
    }

    #[test]
    fn words_are_what_the_api_calls_them() {
        assert_eq!(word_of(&domain::access::Role::OfficeOfficer), "office_officer");
    }
}
