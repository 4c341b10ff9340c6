//! Functions: how a table describes one, how it reads its arguments, and what it may use.

use std::sync::Arc;

use jiff::Timestamp;

use crate::budget::Meter;
use crate::error::{Error, ErrorKind};
use crate::pattern::PatternCache;
use crate::scope::RandomSource;
use crate::value::{List, Map, Value};

/// What a function may use beside its arguments.
pub(crate) struct Ctx<'r> {
    pub(crate) meter: Meter,
    pub(crate) now: Option<Timestamp>,
    pub(crate) random: Option<&'r mut dyn RandomSource>,
    pub(crate) patterns: PatternCache,
}

impl Ctx<'_> {
    /// The current time, or the error that there is none.
    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        self.now.ok_or_else(|| Error::new(ErrorKind::NoClock))
    }

    /// `len` random bytes.
    pub(crate) fn random(&mut self, len: usize) -> Result<Vec<u8>, Error> {
        self.meter.alloc(len)?;
        let Some(source) = self.random.as_mut() else { return Err(Error::new(ErrorKind::NoRandom)) };
        let mut bytes = vec![0; len];
        source.fill(&mut bytes);
        Ok(bytes)
    }

    /// A number below `bound`, every one equally likely.
    pub(crate) fn random_below(&mut self, bound: u64) -> Result<u64, Error> {
        // Numbers above the largest multiple of `bound` are drawn again, or the small ones would be likelier.
        let zone = u64::MAX - u64::MAX % bound.max(1);
        loop {
            let bytes = self.random(8)?;
            let n = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
            if n < zone {
                return Ok(n % bound.max(1));
            }
        }
    }

    /// A string that was made, paid for.
    pub(crate) fn string(&mut self, text: impl Into<Arc<str>> + AsRef<str>) -> Result<Value, Error> {
        self.meter.alloc(text.as_ref().len())?;
        Ok(Value::Str(text.into()))
    }

    /// An array of strings, paid for.
    pub(crate) fn strings<S: AsRef<str>>(&mut self, parts: impl IntoIterator<Item = S>) -> Result<Value, Error> {
        let mut items = Vec::new();
        for part in parts {
            self.meter.alloc(part.as_ref().len() + size_of::<Value>())?;
            items.push(Value::from(part.as_ref()));
        }
        Ok(Value::Array(Arc::new(List::new(items)?)))
    }

    /// An array that was made, paid for.
    pub(crate) fn array(&mut self, items: Vec<Value>) -> Result<Value, Error> {
        self.meter.alloc_items(items.len())?;
        Ok(Value::Array(Arc::new(List::new(items)?)))
    }

    /// A map that was made, paid for.
    pub(crate) fn map(&mut self, map: Map) -> Result<Value, Error> {
        self.meter.alloc_items(map.len().saturating_mul(2))?;
        Ok(Value::Map(Arc::new(map)))
    }
}

/// One function of a table.
pub(crate) struct Func {
    /// The name, with its namespace (`sprig.trim`).
    pub(crate) name: &'static str,
    /// Arguments at least.
    pub(crate) min: usize,
    /// Arguments at most.
    pub(crate) max: usize,
    /// What it does.
    pub(crate) call: fn(&mut Ctx<'_>, Args<'_>) -> Result<Value, Error>,
}

impl std::fmt::Debug for Func {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Func {
    /// An entry with a fixed or bounded number of arguments.
    pub(crate) const fn new(
        name: &'static str,
        min: usize,
        max: usize,
        call: fn(&mut Ctx<'_>, Args<'_>) -> Result<Value, Error>,
    ) -> Func {
        Func { name, min, max, call }
    }
}

/// Any number of arguments.
pub(crate) const MANY: usize = usize::MAX;

/// The arguments of a call; reading one as the wrong type is an error that names function, place and value.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    pub(crate) name: &'static str,
    pub(crate) values: &'a [Value],
}

impl<'a> Args<'a> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, at: usize) -> &'a Value {
        const NIL: &Value = &Value::Nil;
        self.values.get(at).unwrap_or(NIL)
    }

    /// The error that argument `at` is not `wanted`.
    pub(crate) fn mismatch(&self, at: usize, wanted: &str) -> Error {
        let place =
            if self.values.len() > 1 { format!("argument {} of {}", at + 1, self.name) } else { self.name.to_owned() };
        Error::ty(format!("{place} must be {wanted}, not {}", self.get(at).describe()))
    }

    pub(crate) fn str(&self, at: usize) -> Result<&'a str, Error> {
        self.get(at).as_str().ok_or_else(|| self.mismatch(at, "a string"))
    }

    pub(crate) fn int(&self, at: usize) -> Result<i64, Error> {
        match self.get(at) {
            // Numbers from JSON are floats; a whole one is as good as an integer.
            Value::Float(n) if n.fract() == 0.0 && n.abs() < 9e18 => Ok(*n as i64),
            other => other.as_int().ok_or_else(|| self.mismatch(at, "an integer")),
        }
    }

    pub(crate) fn float(&self, at: usize) -> Result<f64, Error> {
        self.get(at).as_float().ok_or_else(|| self.mismatch(at, "a number"))
    }

    pub(crate) fn bool(&self, at: usize) -> Result<bool, Error> {
        self.get(at).as_bool().ok_or_else(|| self.mismatch(at, "a bool"))
    }

    pub(crate) fn array(&self, at: usize) -> Result<&'a [Value], Error> {
        self.get(at).as_array().ok_or_else(|| self.mismatch(at, "an array"))
    }

    pub(crate) fn map(&self, at: usize) -> Result<&'a Map, Error> {
        self.get(at).as_map().ok_or_else(|| self.mismatch(at, "a map"))
    }
}
