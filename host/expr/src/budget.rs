//! What one evaluation may cost: steps ("fuel") and produced bytes.

use crate::error::{Error, ErrorKind, Resource};

/// The limits of one evaluation. Both count up over the whole evaluation; nothing is given back when a value is dropped, so the bound on
/// bytes is also a bound on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps: one for each evaluated node, each visited element and each 64 bytes of text that is searched or compared.
    pub fuel_max: u64,
    /// Bytes of all values that the evaluation produces, the intermediate ones among them.
    pub bytes_max: u64,
}

impl Budget {
    /// Two million steps and 64 MiB: a few hundred milliseconds at worst.
    pub const DEFAULT: Budget = Budget { fuel_max: 2_000_000, bytes_max: 64 << 20 };
}

impl Default for Budget {
    fn default() -> Self {
        Budget::DEFAULT
    }
}

/// What is left of a [`Budget`] while an evaluation runs.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Budget,
    fuel: u64,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        Meter { budget, fuel: budget.fuel_max, bytes: budget.bytes_max }
    }

    /// Pays for `steps` steps.
    #[inline]
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Error> {
        match self.fuel.checked_sub(steps as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => Err(self.exceeded(Resource::Fuel, self.budget.fuel_max)),
        }
    }

    /// Pays for reading `bytes` bytes of text.
    #[inline]
    pub(crate) fn scan(&mut self, bytes: usize) -> Result<(), Error> {
        self.spend(1 + bytes / 64)
    }

    /// Pays for a value of `bytes` bytes **before** it is made.
    #[inline]
    pub(crate) fn alloc(&mut self, bytes: usize) -> Result<(), Error> {
        match self.bytes.checked_sub(bytes as u64) {
            Some(left) => {
                self.bytes = left;
                self.scan(bytes)
            }
            None => Err(self.exceeded(Resource::Bytes, self.budget.bytes_max)),
        }
    }

    /// Pays for an array or map of `len` entries before it is made.
    #[inline]
    pub(crate) fn alloc_items(&mut self, len: usize) -> Result<(), Error> {
        self.alloc(len.saturating_mul(size_of::<crate::value::Value>()).saturating_add(48))
    }

    #[cold]
    fn exceeded(&self, what: Resource, limit: u64) -> Error {
        Error::new(ErrorKind::BudgetExceeded { what, limit })
            .hint("the expression produces or visits too much; narrow the data before it is transformed")
    }
}
