//! Conditions across metrics in CEL, the Common Expression Language: compiled once, when the profile is read.
//!
//! A metric is written by its name, `boiler.steam_pressure > 0.9 && boiler.burner_running`. Numbers are all of CEL's
//! `double` (write `2.0 * x`), flags are booleans, texts are strings. Loops (`all`, `exists`, `map`, `filter`) are
//! refused: what is left takes a time in proportion to its length, and that is bounded.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, Program};

use super::gap::listed;
use crate::{id::MetricName, reading::Value};

/// The longest expression, in characters: a rule longer than this nobody can check.
const LENGTH_MAX: usize = 500;
/// What would make the time to evaluate depend on more than the length.
const LOOPS: [&str; 5] = [".all(", ".exists(", ".exists_one(", ".map(", ".filter("];

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled expression over the metrics of a profile.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Arc<str>,
    metrics: Arc<[MetricName]>,
    program: Arc<Program>,
}

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Longer than anybody can check.
    #[error("an expression has at most {LENGTH_MAX} characters")]
    TooLong,
    /// Its time would not be bounded by its length.
    #[error("an expression may not loop; `{0}…)` does")]
    Loops(&'static str),
    /// Not the language.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// It names nothing of the profile.
    #[error("the expression names no metric of this profile; there are {0}")]
    NoMetric(String),
    /// It names something that the profile does not have.
    #[error("`{0}` is no metric of this profile; there are {1}")]
    UnknownName(String, String),
}

impl Expression {
    /// Compiles an expression over some of these metrics.
    ///
    /// # Errors
    /// [`ExpressionError`] says what is wrong with it.
    pub fn compile(text: &str, known: &BTreeSet<MetricName>) -> Result<Self, ExpressionError> {
        if text.chars().count() > LENGTH_MAX {
            return Err(ExpressionError::TooLong);
        }
        if let Some(looping) = LOOPS.into_iter().find(|looping| text.contains(looping)) {
            return Err(ExpressionError::Loops(looping));
        }
        let program = ENV.compile(text).map_err(|error| ExpressionError::Syntax(error.to_string()))?;
        let named = known.iter().filter(|metric| names(text, metric.as_str()));
        let mut metrics: Vec<MetricName> = named.cloned().collect();
        metrics.sort_by_key(|metric| text.find(metric.as_str()));
        let all = || listed(known.iter().map(MetricName::as_str));
        if metrics.is_empty() {
            return Err(ExpressionError::NoMetric(all()));
        }
        let roots: BTreeSet<&str> = metrics.iter().map(|metric| split(metric.as_str()).0).collect();
        if let Some(stranger) = program.references().variables().into_iter().find(|name| !roots.contains(name)) {
            return Err(ExpressionError::UnknownName(stranger.to_owned(), all()));
        }
        Ok(Self { text: text.into(), metrics: metrics.into(), program: Arc::new(program) })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The metrics it looks at.
    pub fn metrics(&self) -> &[MetricName] {
        &self.metrics
    }

    /// Whether it holds for these values; None: a value is missing, or the types do not fit.
    pub fn holds<'v>(&self, value_of: impl Fn(&MetricName) -> Option<&'v Value>) -> Option<bool> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        let mut fields: HashMap<&str, HashMap<String, cel::Value>> = HashMap::new();
        for metric in &*self.metrics {
            let Some(value) = value_of(metric).map(to_cel) else { continue };
            match split(metric.as_str()) {
                (name, None) => context.add_variable_from_value(name, value),
                (name, Some(field)) => _ = fields.entry(name).or_default().insert(field.to_owned(), value),
            }
        }
        for (name, fields) in fields {
            context.add_variable_from_value(name, fields);
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(holds)) => Some(holds),
            Ok(_) | Err(_) => None,
        }
    }
}

/// Two are the same when they read the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.metrics == other.metrics
    }
}

/// `boiler` and `steam_pressure`.
fn split(metric: &str) -> (&str, Option<&str>) {
    metric.split_once('.').map_or((metric, None), |(name, field)| (name, Some(field)))
}

/// Whether the text names the metric, as a word of its own.
fn names(text: &str, metric: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    text.match_indices(metric).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + metric.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts above 2^53 are compared, not added up")]
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Int(count) => (*count as f64).into(),
        Value::Float(quantity) => (*quantity).into(),
        Value::Text(text) => text.as_ref().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeSet<MetricName> {
        ["boiler.pressure", "boiler.pressure_set", "boiler.burner", "mode"]
            .into_iter()
            .map(|name| MetricName::new(name).unwrap())
            .collect()
    }

    fn compile(text: &str) -> Result<Expression, ExpressionError> {
        Expression::compile(text, &known())
    }

    #[test]
    fn it_holds_by_the_values_of_its_metrics() {
        let check = |text: &str, values: &[(&str, Value)], expected: Option<bool>| {
            let expression = compile(text).unwrap();
            let value_of =
                |metric: &MetricName| values.iter().find(|(name, _)| *name == metric.as_str()).map(|(_, value)| value);
            assert_eq!(expression.holds(value_of), expected, "{text} of {values:?}");
        };
        let both = "boiler.pressure > 0.9 && boiler.burner";
        check(both, &[("boiler.pressure", 1.0.into()), ("boiler.burner", true.into())], Some(true));
        check(both, &[("boiler.pressure", 1.0.into()), ("boiler.burner", false.into())], Some(false));
        check(both, &[("boiler.pressure", 1.0.into())], None);
        check(
            "boiler.pressure - boiler.pressure_set > 0.1",
            &[("boiler.pressure", 1.0.into()), ("boiler.pressure_set", 0.5.into())],
            Some(true),
        );
        check("mode == 2.0", &[("mode", 2.into())], Some(true));
        check("mode == 2", &[("mode", 2.into())], Some(true));
        check("mode", &[("mode", 2.into())], None);
    }

    #[test]
    fn it_knows_its_metrics_and_nothing_else() {
        assert_eq!(
            compile("boiler.pressure_set > 1.0").unwrap().metrics(),
            [MetricName::new("boiler.pressure_set").unwrap()]
        );
        assert_eq!(compile("1 < 2").unwrap_err().to_string()[..37], *"the expression names no metric of thi");
        assert!(
            matches!(compile("mode > 1.0 && moed < 3.0"), Err(ExpressionError::UnknownName(name, _)) if name == "moed")
        );
        assert!(matches!(compile("mode >"), Err(ExpressionError::Syntax(_))));
        assert!(matches!(compile("[1].all(x, x < mode)"), Err(ExpressionError::Loops(".all("))));
        assert_eq!(compile(&format!("mode == {}", "1".repeat(500))).unwrap_err(), ExpressionError::TooLong);
    }
}
