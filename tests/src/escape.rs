/// Puts the character `U+XXXX` in for `<U+XXXX>`: examples hold some that no editor should have to
/// show.
pub fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<U+") {
        out.push_str(before);
        let (hex, after) = after.split_once('>').expect("`<U+XXXX>`");
        let number = u32::from_str_radix(hex, 16).expect("hexadecimal");
        out.push(char::from_u32(number).expect("a character"));
        rest = after;
    }
    out + rest
}
