//! Elements of DER, as far as keys and timestamps need them.

/// An element: its tag, its content, and all of its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The context's own tag 0, with elements in it.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// Elements that follow each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Elements<'a>(pub(crate) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next, if it is one of this tag; else nothing is taken.
    pub(crate) fn one(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let found = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(found)
    }

    /// Those in the next, which is one of this tag.
    pub(crate) fn within(&mut self, tag: u8) -> Option<Elements<'a>> {
        self.one(tag).map(|element| Elements(element.content))
    }
}

/// Ends at what is no element.
impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
                (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, whole })
    }
}

/// An element of these parts.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let bytes = content.len().to_be_bytes();
    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let used = bytes.get(from..).unwrap_or_default();
    let mut whole = vec![tag];
    match used {
        [short] if *short < 0x80 => whole.push(*short),
        // There are at most eight.
        long => whole.extend([0x80 | u8::try_from(long.len()).unwrap_or(8)].iter().chain(long)),
    }
    whole.extend(content);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let content = vec![7; length];
            let bytes = [element(OCTET_STRING, &[&content]), element(INTEGER, &[&[1]])].concat();
            let mut elements = Elements(&bytes);
            assert!(elements.one(INTEGER).is_none());
            assert_eq!(elements.one(OCTET_STRING).unwrap().content, content);
            assert_eq!(elements.one(INTEGER).unwrap().whole, [2, 1, 1]);
            assert!(elements.next().is_none());
        }
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 1],
            &[4, 0x82, 1],
            &[4, 0x85, 0, 0, 0, 0, 1, 1],
            &[4, 0x84, 255, 255, 255, 255],
        ] {
            assert!(Elements(bad).next().is_none(), "{bad:?}");
        }
    }
}
