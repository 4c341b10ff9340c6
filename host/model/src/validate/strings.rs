//! Visits every text of a value, wherever it stands in it, with its path: a serializer that writes nothing.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use crate::path::{Mark, Path};

/// Calls `visit` for every text of `value`; `path` is where the value stands.
pub(super) fn visit<T: Serialize + ?Sized>(value: &T, path: &mut Path, visit: &mut dyn FnMut(&Path, &str)) {
    // The only error is one of the value's own serializer; there is nothing more to visit then.
    let _ = value.serialize(Visitor { path, visit });
}

struct Visitor<'a> {
    path: &'a mut Path,
    visit: &'a mut dyn FnMut(&Path, &str),
}

impl Visitor<'_> {
    fn again(&mut self) -> Visitor<'_> {
        Visitor { path: self.path, visit: self.visit }
    }
}

/// Nothing goes wrong in a walk.
#[derive(Debug)]
pub(super) struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not visited")
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Inside a list or map.
struct Inside<'a> {
    visitor: Visitor<'a>,
    index: usize,
    key: Option<Mark>,
    /// JSON kept as it came, which serializes itself as a struct of this name with one text.
    raw: bool,
}

impl<'a> Inside<'a> {
    fn new(visitor: Visitor<'a>) -> Self {
        Self { visitor, index: 0, key: None, raw: false }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        let mark = self.visitor.path.push_index(self.index);
        self.index += 1;
        let result = value.serialize(self.visitor.again());
        self.visitor.path.truncate(mark);
        result
    }
}

const RAW: &str = "$serde_json::private::RawValue";

macro_rules! skip {
    ($($name:ident: $ty:ty),*) => { $( fn $name(self, _: $ty) -> Result<(), Never> { Ok(()) } )* };
}

impl<'a> Serializer for Visitor<'a> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Inside<'a>;
    type SerializeTuple = Inside<'a>;
    type SerializeTupleStruct = Inside<'a>;
    type SerializeTupleVariant = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeStructVariant = Inside<'a>;

    skip!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
          serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
          serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8], serialize_unit_struct: &'static str);

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        (self.visit)(self.path, text);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
    fn serialize_tuple(self, _: usize) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Inside<'a>, Never> {
        Ok(Inside { raw: name == RAW, ..Inside::new(self) })
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Inside<'a>, Never> {
        Ok(Inside::new(self))
    }
}

impl ser::SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.element(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeTuple for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.element(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.element(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeTupleVariant for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.element(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        let mut name = String::new();
        let mut nowhere = Path::default();
        visit(key, &mut nowhere, &mut |_, text| text.clone_into(&mut name));
        self.key = Some(self.visitor.path.push(&name));
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        let result = value.serialize(self.visitor.again());
        if let Some(mark) = self.key.take() {
            self.visitor.path.truncate(mark);
        }
        result
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Never> {
        if self.raw {
            let (path, found) = (&mut *self.visitor.path, &mut *self.visitor.visit);
            let mut json = String::new();
            let mut nowhere = Path::default();
            visit(value, &mut nowhere, &mut |_, text| text.clone_into(&mut json));
            // Only what may hold a tag is taken apart.
            if json.contains("{{")
                && let Ok(value) = serde_json::from_str::<serde_json::Value>(&json)
            {
                visit(&value, path, found);
            }
            return Ok(());
        }
        let mark = self.visitor.path.push(name);
        let result = value.serialize(self.visitor.again());
        self.visitor.path.truncate(mark);
        result
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for Inside<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Never> {
        ser::SerializeStruct::serialize_field(self, name, value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}
