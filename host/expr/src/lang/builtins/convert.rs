//! Conversions, JSON, Base64, JSONPath.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::numbers::parse_float;
use crate::error::Error;
use crate::func::{Args, Ctx, Func};
use crate::jsonpath::Path;
use crate::value::{JsonStyle, Value, go_text, parse_json, write_json};

pub(super) const TABLE: &[Func] = &[
    Func::new("type", 1, 1, |_, args| Ok(Value::from(args.get(0).type_name()))),
    Func::new("int", 1, 1, int),
    Func::new("float", 1, 1, |_, args| match args.get(0) {
        Value::Str(text) => parse_float(text)
            .map(Value::Float)
            .ok_or_else(|| Error::value(format!("`float` cannot read {} as a number", args.get(0).describe()))),
        other => {
            other.as_float().map(Value::Float).ok_or_else(|| args.mismatch(0, "a number or a string that holds one"))
        }
    }),
    Func::new("string", 1, 1, |ctx, args| match args.get(0) {
        Value::Str(text) => Ok(Value::Str(text.clone())),
        other => go_text(other, &mut ctx.meter).map(Value::from),
    }),
    Func::new("toJSON", 1, 1, |ctx, args| json(ctx, args, JsonStyle::PRETTY)),
    Func::new("toJson", 1, 1, |ctx, args| json(ctx, args, JsonStyle::COMPACT)),
    Func::new("fromJSON", 1, 1, |ctx, args| parse_json(args.str(0)?, &mut ctx.meter)),
    Func::new("toBase64", 1, 1, |ctx, args| {
        let bytes = match args.get(0) {
            Value::Bytes(bytes) => bytes.as_ref(),
            _ => args.str(0)?.as_bytes(),
        };
        ctx.meter.alloc(bytes.len() / 3 * 4 + 4)?;
        Ok(Value::from(STANDARD.encode(bytes)))
    }),
    Func::new("fromBase64", 1, 1, |ctx, args| {
        let text = args.str(0)?;
        ctx.meter.alloc(text.len())?;
        let bytes = STANDARD.decode(text).map_err(|cause| Error::value(format!("invalid Base64: {cause}")))?;
        String::from_utf8(bytes).map(Value::from).map_err(|_| Error::value("the decoded bytes are no text (UTF-8)"))
    }),
    Func::new("jsonpath", 2, 2, |ctx, args| {
        let document = match args.get(0) {
            Value::Str(text) => parse_json(text, &mut ctx.meter)?,
            other => other.clone(),
        };
        let path = args.str(1)?;
        ctx.meter.scan(path.len() * 64)?;
        let path = Path::parse(path).map_err(|error| error.in_source(path))?;
        path.find(&document, &mut ctx.meter).map_err(|error| error.in_source(path.source()))
    }),
];

fn int(_: &mut Ctx<'_>, args: Args<'_>) -> Result<Value, Error> {
    match args.get(0) {
        Value::Str(text) => text.parse().map(Value::Int).map_err(|_| {
            let error = Error::value(format!("`int` cannot read {} as an integer", args.get(0).describe()));
            if parse_float(text).is_some() { error.hint("`int(float(…))` cuts the fraction off") } else { error }
        }),
        Value::Float(n) if n.is_finite() => Ok(Value::Int(*n as i64)),
        other => other.as_int().map(Value::Int).ok_or_else(|| args.mismatch(0, "a number or a string that holds one")),
    }
}

fn json(ctx: &mut Ctx<'_>, args: Args<'_>, style: JsonStyle) -> Result<Value, Error> {
    let mut out = String::new();
    write_json(&mut out, args.get(0), style, &mut ctx.meter)?;
    Ok(Value::from(out))
}
