//! Decimal arithmetic on floats: what people expect of `0.1 + 0.2`.

/// Digits behind the point of a quotient.
const QUOTIENT_PLACES: u32 = 16;

/// A number that is either an exact decimal, `mantissa / 10^places`, or, where that does not fit, a float.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decimal {
    Exact { mantissa: i128, places: u32 },
    Float(f64),
}

impl Decimal {
    /// The decimal that prints like `n`.
    pub(super) fn from_float(n: f64) -> Decimal {
        if !n.is_finite() || n.abs() > 1e18 || (n != 0.0 && n.abs() < 1e-12) {
            return Decimal::Float(n);
        }
        let text = format!("{n}");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        match (format!("{whole}{fraction}").parse(), u32::try_from(fraction.len())) {
            (Ok(mantissa), Ok(places)) => Decimal::Exact { mantissa, places },
            _ => Decimal::Float(n),
        }
    }

    pub(super) fn to_float(self) -> f64 {
        match self {
            Decimal::Float(n) => n,
            Decimal::Exact { mantissa, places } => format!("{mantissa}e-{places}").parse().unwrap_or(f64::NAN),
        }
    }

    pub(super) fn add(self, other: Decimal) -> Option<Decimal> {
        Some(self.join(other, i128::checked_add, |a, b| a + b))
    }

    pub(super) fn subtract(self, other: Decimal) -> Option<Decimal> {
        Some(self.join(other, i128::checked_sub, |a, b| a - b))
    }

    pub(super) fn multiply(self, other: Decimal) -> Option<Decimal> {
        Some(match (self, other) {
            (Decimal::Exact { mantissa: a, places: p }, Decimal::Exact { mantissa: b, places: q }) => {
                match a.checked_mul(b) {
                    Some(mantissa) => Decimal::Exact { mantissa, places: p + q },
                    None => Decimal::Float(self.to_float() * other.to_float()),
                }
            }
            _ => Decimal::Float(self.to_float() * other.to_float()),
        })
    }

    /// The quotient, rounded; none for a division by zero.
    pub(super) fn divide(self, other: Decimal) -> Option<Decimal> {
        if other.to_float() == 0.0 {
            return None;
        }
        let float = Decimal::Float(self.to_float() / other.to_float());
        let (Decimal::Exact { mantissa: a, places: p }, Decimal::Exact { mantissa: b, places: q }) = (self, other)
        else {
            return Some(float);
        };
        // a/10^p : b/10^q with QUOTIENT_PLACES digits is a * 10^(places + q - p) / b.
        let scale = |n: i128, power: u32| 10i128.checked_pow(power).and_then(|factor| n.checked_mul(factor));
        let (Some(numerator), Some(denominator)) = (scale(a, QUOTIENT_PLACES + q), scale(b, p)) else {
            return Some(float);
        };
        let (quotient, rest) = (numerator / denominator, numerator % denominator);
        let up = rest.unsigned_abs().saturating_mul(2) >= denominator.unsigned_abs();
        let away = if (numerator < 0) == (denominator < 0) { 1 } else { -1 };
        Some(Decimal::Exact { mantissa: quotient + if up { away } else { 0 }, places: QUOTIENT_PLACES })
    }

    fn join(self, other: Decimal, exact: fn(i128, i128) -> Option<i128>, float: fn(f64, f64) -> f64) -> Decimal {
        let inexact = || Decimal::Float(float(self.to_float(), other.to_float()));
        let (Decimal::Exact { mantissa: a, places: p }, Decimal::Exact { mantissa: b, places: q }) = (self, other)
        else {
            return inexact();
        };
        let places = p.max(q);
        let scale = |n: i128, by: u32| 10i128.checked_pow(by).and_then(|factor| n.checked_mul(factor));
        match (scale(a, places - p), scale(b, places - q)) {
            (Some(a), Some(b)) => exact(a, b).map_or_else(inexact, |mantissa| Decimal::Exact { mantissa, places }),
            _ => inexact(),
        }
    }
}
