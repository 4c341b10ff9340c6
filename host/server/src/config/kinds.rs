//! Reading a setting's value, from text (environment, flags, defaults) or from a document.

use cli::settings::{Setting, SettingKind as Kind};
use model::Quantity;
use serde_json::Value;

/// Reads text as a flag or variable gives it. Empty text is no value.
///
/// # Errors
/// A sentence that says what was expected.
pub fn from_text(setting: &Setting, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(match setting.kind {
            Kind::List => Value::Array(Vec::new()),
            _ => Value::Null,
        });
    }
    let value = match setting.kind {
        Kind::Switch => match trimmed {
            "true" | "1" | "yes" | "on" => Value::Bool(true),
            "false" | "0" | "no" | "off" => Value::Bool(false),
            _ => return Err(format!("`{trimmed}` is neither true nor false")),
        },
        Kind::Count { .. } => match trimmed.replace('_', "").parse::<u64>() {
            Ok(number) => Value::from(number),
            Err(_) => return Err(format!("`{trimmed}` is not a whole number")),
        },
        Kind::Number => match trimmed.parse::<f64>() {
            // JSON knows no infinity and no NaN: they would silently become no value.
            Ok(number) if number.is_finite() => Value::from(number),
            _ => return Err(format!("`{trimmed}` is not a number of zero or more")),
        },
        Kind::List => trimmed.split(',').map(|item| Value::from(item.trim())).collect(),
        Kind::Document => super::document::parse(text).map_err(|problem| problem.to_string())?,
        Kind::Text | Kind::Secret | Kind::Path | Kind::Address | Kind::Bytes | Kind::Choice(_) => Value::from(trimmed),
    };
    from_value(setting, value)
}

/// Checks a value from a document and brings it to its one form: bytes and counts become numbers.
///
/// # Errors
/// A sentence that says what was expected.
pub fn from_value(setting: &Setting, value: Value) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match setting.kind {
        // A number or a boolean is as good a text, but its secret must not be repeated in the error.
        Kind::Secret => value.as_str().map(Value::from).ok_or_else(|| "text is expected".to_owned()),
        Kind::Text | Kind::Path => text(&value),
        Kind::Address => {
            let text = text(&value)?;
            let shown = text.as_str().unwrap_or_default();
            match shown.rsplit_once(':') {
                _ if shown.is_empty() => Ok(Value::Null),
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text),
                _ => Err(format!("`{shown}` is not an address: write host:port, such as 127.0.0.1:2746 or [::1]:2746")),
            }
        }
        Kind::Switch => value.as_bool().map(Value::from).ok_or_else(|| format!("`{value}` is neither true nor false")),
        Kind::Count { min, max } => match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(Value::from(number)),
            Some(number) => Err(format!("{number} is not between {min} and {max} {}", setting.unit)),
            None => Err(format!("`{}` is not a whole number from {min} to {max}", bare(&value))),
        },
        Kind::Number => match value.as_f64() {
            Some(number) if number.is_finite() && number >= 0.0 => Ok(Value::from(number)),
            _ => Err(format!("`{}` is not a number of zero or more", bare(&value))),
        },
        Kind::Bytes => bytes(&value).map(Value::from),
        Kind::Choice(words) => match value.as_str() {
            Some(word) if words.contains(&word) => Ok(value),
            _ => {
                let known: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
                Err(format!("`{}` is not one of {}", bare(&value), known.join(", ")))
            }
        },
        Kind::List => match &value {
            Value::Array(items) if items.iter().all(Value::is_string) => Ok(value),
            Value::String(one) => Ok(Value::Array(one.split(',').map(|item| Value::from(item.trim())).collect())),
            Value::Bool(false) => Ok(Value::Array(Vec::new())),
            Value::Bool(true) => Ok(Value::Array(vec![Value::from("true")])),
            _ => Err("a list of texts is expected".to_owned()),
        },
        Kind::Document => match value {
            Value::Object(_) => Ok(value),
            // Argo's ConfigMap holds documents as text.
            Value::String(ref text) => match super::document::parse(text) {
                Ok(parsed @ (Value::Object(_) | Value::Null)) => Ok(parsed),
                Ok(_) => Err("a mapping is expected".to_owned()),
                Err(problem) => Err(problem.to_string()),
            },
            _ => Err("a mapping is expected".to_owned()),
        },
    }
}

fn text(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(_) => Ok(value.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(Value::from(value.to_string())),
        _ => Err("text is expected".to_owned()),
    }
}

fn bytes(value: &Value) -> Result<u64, String> {
    if let Some(number) = value.as_u64() {
        return Ok(number);
    }
    let wrong = || format!("`{}` is not a number of bytes such as 1048576, 64Ki or 1.5Gi", bare(value));
    let text = value.as_str().ok_or_else(wrong)?;
    let bytes = Quantity(text.trim().into()).bytes().map_err(|_| wrong())?;
    u64::try_from(bytes).map_err(|_| wrong())
}

/// A value as it was written, without the quotes of JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, text: &str) -> Result<Value, String> {
        from_text(&Setting { key: "k", kind, default: "", unit: "things", doc: "" }, text)
    }

    #[test]
    fn each_kind_reads_its_own_and_says_what_it_expected() {
        let count = Kind::Count { min: 1, max: 10 };
        let table = [
            (Kind::Text, "x", Ok(Value::from("x"))),
            (Kind::Text, "  ", Ok(Value::Null)),
            (Kind::Switch, "yes", Ok(Value::Bool(true))),
            (Kind::Switch, "maybe", Err("`maybe` is neither true nor false")),
            (count, "1_0", Ok(Value::from(10_u64))),
            (count, "11", Err("11 is not between 1 and 10 things")),
            (count, "-1", Err("`-1` is not a whole number")),
            (Kind::Number, "0.5", Ok(Value::from(0.5))),
            (Kind::Number, "NaN", Err("`NaN` is not a number of zero or more")),
            (Kind::Bytes, "64Ki", Ok(Value::from(65_536_u64))),
            (Kind::Bytes, "12", Ok(Value::from(12_u64))),
            (Kind::Bytes, "-1", Err("`-1` is not a number of bytes such as 1048576, 64Ki or 1.5Gi")),
            (Kind::Choice(&["a", "b"]), "c", Err("`c` is not one of a, b")),
            (Kind::Address, "[::1]:80", Ok(Value::from("[::1]:80"))),
            (
                Kind::Address,
                "localhost",
                Err("`localhost` is not an address: write host:port, such as 127.0.0.1:2746 or [::1]:2746"),
            ),
            (Kind::List, "a, b", Ok(serde_json::json!(["a", "b"]))),
            (Kind::Document, "{s3: {bucket: x}}", Ok(serde_json::json!({"s3": {"bucket": "x"}}))),
            (Kind::Document, "3", Err("a mapping is expected")),
        ];
        for (kind, text, expected) in table {
            assert_eq!(read(kind, text), expected.map_err(str::to_owned), "{kind:?} {text}");
        }
    }
}
