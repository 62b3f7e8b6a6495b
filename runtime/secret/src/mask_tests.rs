use proptest::prelude::*;

use super::*;

fn masker(values: &[(&str, &[u8])]) -> Masker {
    let opened: Vec<_> =
        values.iter().map(|(name, bytes)| (*name, SecretValue::new(bytes.to_vec()))).collect();
    Masker::new(opened.iter().map(|(name, value)| (*name, value))).unwrap()
}

fn masked(masker: &Masker, text: &str) -> String {
    String::from_utf8(masker.mask(text.as_bytes())).unwrap()
}

#[test]
fn values_are_masked_by_name() {
    let masker = masker(&[("db", b"hunter2-hunter2\n"), ("api", b"tok/en+1234"), ("pin", b"12")]);
    let cases = [
        ("login hunter2-hunter2 ok", "login [secret db] ok"),
        ("hunter2-hunter2hunter2-hunter2", "[secret db][secret db]"),
        ("68756e746572322d68756e74657232", "[secret db]"),
        ("68756E746572322D68756E74657232", "[secret db]"),
        ("aHVudGVyMi1odW50ZXIy", "[secret db]"),
        ("tok/en+1234 and hunter2-hunter2", "[secret api] and [secret db]"),
        ("room 12", "room 12"),
        ("hunter2", "hunter2"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(masked(&masker, text), expected, "{text}");
    }
}

#[test]
fn a_value_of_several_lines_is_masked_line_by_line() {
    let key = "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\n}\nkqhkiG9w0BAQ\n-----END KEY-----\n";
    let masker = masker(&[("key", key.as_bytes())]);
    assert_eq!(masked(&masker, "sed: MIIEvQIBADANBg?\n}"), "sed: [secret key]?\n}");
    assert_eq!(
        masked(&masker, "  kqhkiG9w0BAQ\n-----END KEY-----\n"),
        "  [secret key]\n[secret key]\n"
    );
}

#[test]
fn an_encoded_value_in_lines_is_masked_in_each() {
    let value: Vec<u8> = (0..=127).map(|byte: u8| byte.wrapping_mul(73).wrapping_add(5)).collect();
    let masker = masker(&[("munge-key", &value)]);
    let hex = value.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let lines: Vec<&str> = [&hex[..60], &hex[60..120], &hex[120..180], &hex[180..]].into();
    assert_eq!(masked(&masker, &lines.join("\n")), ["[secret munge-key]"; 4].join("\n"));
    let other = "0123456789abcdef0123456789abcdef";
    assert_eq!(masked(&masker, other), other);
}

#[test]
fn of_overlapping_values_nothing_is_left() {
    let masker = masker(&[("a", b"abcdefgh"), ("b", b"abcdefghijkl"), ("c", b"fghijklmnop")]);
    assert_eq!(masked(&masker, "xabcdefghijkly"), "x[secret b]y");
    assert!(!masked(&masker, "abcdefghijklmnop").contains("ijkl"));
}

#[test]
fn an_overlong_line_is_passed_on_without_cutting_a_value() {
    let value = b"hunter2-hunter2";
    let masker = masker(&[("db", value)]);
    let mut stream = masker.stream();
    let mut out = Vec::new();
    let line = [&vec![b' '; LONGEST_LINE - 7], &value[..], &[b' '; 20]].concat();
    for piece in line.chunks(1000) {
        stream.push(piece, &mut out);
    }
    assert!(out.len() > LONGEST_LINE / 2, "an overlong line is held back whole");
    stream.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("[secret db]") && !text.contains("hunter2"), "{}", text.trim());
}

proptest! {
    #[test]
    fn no_cut_lets_a_value_through(
        text in "[a-c \n]{0,30}",
        value in "[a-c]{8,12}",
        size in 1_usize..9,
    ) {
        let masker = masker(&[("key", value.as_bytes())]);
        let text = format!("{text}{value}{text}\n{value}");
        let mut out = Vec::new();
        let mut stream = masker.stream();
        for piece in text.as_bytes().chunks(size) {
            stream.push(piece, &mut out);
        }
        stream.finish(&mut out);
        let out = String::from_utf8(out).unwrap();
        prop_assert!(!out.contains(&value));
        prop_assert_eq!(out, masked(&masker, &text));
    }
}
