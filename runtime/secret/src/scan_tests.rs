use proptest::prelude::*;

use super::*;

const VALUE: &str = "correct horse battery";

fn scanner(values: &[(&str, &[u8])]) -> LeakScanner {
    let opened: Vec<_> =
        values.iter().map(|(name, bytes)| (*name, SecretValue::new(bytes.to_vec()))).collect();
    LeakScanner::new(opened.iter().map(|(name, value)| (*name, value))).unwrap()
}

/// Hands out a stream in pieces of `size` bytes.
struct Pieces<'a> {
    rest: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(self.rest.len()).min(buffer.len());
        buffer[..size].copy_from_slice(&self.rest[..size]);
        self.rest = &self.rest[size..];
        Ok(size)
    }
}

/// Base64 as tools write it, with padding, broken into lines of `width`.
fn base64_lines(bytes: &[u8], width: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let mut bits = [0; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { digit } else { b'=' });
        }
    }
    text.chunks(width).collect::<Vec<_>>().join(&b'\n')
}

#[test]
fn every_form_is_found_and_named() {
    let value = VALUE.as_bytes();
    let scanner = scanner(&[("other", b"something else"), ("key", value)]);
    let lower = value.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let cases = [
        ("plain", format!("password={VALUE};").into_bytes(), Form::Plain, 9),
        ("hex", lower.clone().into_bytes(), Form::Hex, 0),
        ("hex in capitals", lower.to_uppercase().into_bytes(), Form::Hex, 0),
        ("base64", base64_lines(value, 1000), Form::Base64, 0),
        (
            "base64 behind a user's name",
            base64_lines(format!("u:{VALUE}").as_bytes(), 1000),
            Form::Base64,
            3,
        ),
        (
            "base64 behind one byte",
            base64_lines(format!(":{VALUE}").as_bytes(), 1000),
            Form::Base64,
            2,
        ),
        ("base64 in short lines", base64_lines(value, 7), Form::Base64, 0),
    ];
    for (name, stream, form, offset) in cases {
        let leak = scanner.find(&stream);
        assert_eq!(leak, Some(Leak { secret: "key".to_owned(), form, offset }), "{name}");
    }
    assert_eq!(scanner.find(b"correct horse batter").map(|leak| leak.form), None);
}

#[test]
fn base64_of_the_url_alphabet_is_found() {
    let value = b"\xfb\xff\xfe\xfb\xff\xfe\xfb\xff\xfe";
    let scanner = scanner(&[("key", value)]);
    assert!(scanner.find(b"x-__--__--__-").is_some());
    assert!(scanner.find(b"x+//++//++//+").is_some());
}

#[test]
fn a_newline_that_ends_the_value_does_not_hide_it() {
    let scanner = scanner(&[("key", b"s3cret-value\n")]);
    assert!(scanner.find(b"PASSWORD=s3cret-value # not at a line's end").is_some());
}

#[test]
fn short_values_are_reported_and_not_searched_for() {
    let scanner = scanner(&[("pin", b"1234567\n"), ("empty", b"")]);
    assert_eq!(scanner.too_short(), ["pin", "empty"]);
    assert!(scanner.is_empty());
    assert_eq!(scanner.find(b"12345671234567"), None);
}

#[test]
fn a_long_stream_is_searched_in_bounded_memory_to_its_last_byte() {
    let mut stream = vec![b'c'; 3 * CHUNK + 17];
    stream.extend_from_slice(VALUE.as_bytes());
    let scanner = scanner(&[("key", VALUE.as_bytes())]);
    let leak = scanner.find(&stream).unwrap();
    assert_eq!(leak.offset, 3 * CHUNK as u64 + 17);
}

#[test]
fn an_error_of_the_stream_is_handed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::PermissionDenied))
        }
    }
    let error = scanner(&[("key", VALUE.as_bytes())]).scan(Broken).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

proptest! {
    #[test]
    fn no_cut_of_the_stream_hides_a_value(
        before in proptest::collection::vec(any::<u8>(), 0..40),
        value in proptest::collection::vec(1_u8..10, 8..40),
        after in proptest::collection::vec(any::<u8>(), 0..40),
        size in 1_usize..20,
    ) {
        let value: Vec<u8> = value.iter().map(|byte| byte + b'a').collect();
        let scanner = scanner(&[("key", &value)]);
        let plain = [&before[..], &value, &after].concat();
        let found = scanner.scan(Pieces { rest: &plain, size }).unwrap();
        prop_assert!(found.is_some(), "plain");
        let encoded = base64_lines(&plain, 76);
        let found = scanner.scan(Pieces { rest: &encoded, size }).unwrap();
        prop_assert!(found.is_some(), "base64");
    }
}
