//! What the targets share: a reader that turns bytes into decisions.

/// Reads decisions from the fuzzer's bytes; when they end, everything is 0.
pub struct Decisions<'a>(pub &'a [u8]);

impl<'a> Decisions<'a> {
    /// Whether there is anything left to decide by.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `bound`, which is 1 to 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Up to 65 535 bytes, after their length.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()) | usize::from(self.byte()) << 8;
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
