//! Reading the TOML documents that describe the district: an error names the file, the line, what is wrong there and
//! what would be right.

use std::ops::Range;

use serde::de::DeserializeOwned;

/// What is wrong in a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct DocumentError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1 upwards.
    pub line: usize,
    /// What is wrong, naming the key and the keys or values that would be right.
    pub problem: String,
}

/// A document being read: its text with the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Name of the file, for errors.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Document<'_> {
    /// Reads the document as a `T`.
    ///
    /// # Errors
    /// [`DocumentError`] for what is no TOML, and for a key that is unknown, missing or of the wrong kind.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, DocumentError> {
        toml::from_str(self.text).map_err(|error| {
            let problem = error.message().replace('\n', " ");
            self.error(error.span().unwrap_or_default(), problem)
        })
    }

    /// An error at a span of bytes of the text.
    pub fn error(self, span: Range<usize>, problem: impl Into<String>) -> DocumentError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        DocumentError { file: self.file.to_owned(), line, problem: problem.into() }
    }
}
