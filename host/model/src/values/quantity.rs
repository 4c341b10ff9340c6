//! Kubernetes' quantities: `500m`, `1.5Gi`, `2e3`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// An amount of a resource, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Quantity(pub Box<str>);

/// A text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a quantity such as 500m, 2, 1.5Gi or 1e3")]
pub struct QuantityError {
    /// What was given.
    pub text: String,
}

impl Quantity {
    /// The amount in thousandths (`500m` is 500, `2` is 2000), rounded up, as Kubernetes counts CPU.
    pub fn millis(&self) -> Result<i64, QuantityError> {
        self.nanos().map(|n| div_ceil(n, 1_000_000))
    }

    /// The amount in whole units (`1Ki` is 1024), rounded up, as Kubernetes counts memory.
    pub fn units(&self) -> Result<i64, QuantityError> {
        self.nanos().map(|n| div_ceil(n, 1_000_000_000))
    }

    /// The same as [`Self::units`], for memory and storage.
    pub fn bytes(&self) -> Result<i64, QuantityError> {
        self.units()
    }

    /// The amount in units of 10⁻⁹, saturating.
    fn nanos(&self) -> Result<i128, QuantityError> {
        parse_nanos(&self.0).ok_or_else(|| QuantityError { text: self.0.to_string() })
    }

    /// Says whether the text is a quantity.
    pub fn check(&self) -> Result<(), QuantityError> {
        self.nanos().map(|_| ())
    }
}

fn div_ceil(n: i128, d: i128) -> i64 {
    let q = n.div_euclid(d) + i128::from(n.rem_euclid(d) != 0);
    i64::try_from(q).unwrap_or(if q < 0 { i64::MIN } else { i64::MAX })
}

fn parse_nanos(text: &str) -> Option<i128> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.len() > 60 {
        return None;
    }
    let (factor, exponent) = suffix_factor(suffix)?;
    let mut digits: i128 = 0;
    let mut scale = exponent.checked_add(9)?;
    for d in whole.bytes() {
        digits = digits.saturating_mul(10).saturating_add(i128::from(d - b'0'));
    }
    for d in fraction.bytes() {
        if digits > i128::MAX / 100 {
            break;
        }
        digits = digits.saturating_mul(10).saturating_add(i128::from(d - b'0'));
        scale -= 1;
    }
    digits = digits.saturating_mul(factor);
    if scale >= 0 {
        for _ in 0..scale.min(40) {
            digits = digits.saturating_mul(10);
        }
    } else {
        for _ in 0..(-scale).min(60) {
            // A quantity finer than 10⁻⁹ is rounded up, as Kubernetes does.
            digits = digits.div_euclid(10) + i128::from(digits.rem_euclid(10) != 0);
        }
    }
    Some(if negative { -digits } else { digits })
}

/// The factor and the decimal exponent of a suffix.
fn suffix_factor(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (1, exponent.clamp(-60, 60))
        }
    })
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl Visitor<'_> for Amount {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity, as text or a number")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Quantity, E> {
                Ok(Quantity(v.into()))
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Quantity, E> {
                Ok(Quantity(v.to_string().into()))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Quantity, E> {
                Ok(Quantity(v.to_string().into()))
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Quantity, E> {
                Ok(Quantity(super::any_string::float_text(v).into()))
            }
        }
        deserializer.deserialize_any(Amount)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number"], "format": "quantity"})
    }
    fn inline_schema() -> bool {
        true
    }
}
