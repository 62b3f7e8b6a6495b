use super::*;

const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBghFG8yfYEJOnzxveVmV9Vy3NVP5ZiXrkIlFQWM4UF4 ann@example.org";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDUIMRasXtChXdq4sSheChtK3I28ZkuUH2E7Af3a1UO1zFnUHugbHb6flzOBMjeu3/Z/fJixb1AZxkB54OJh7X2VcqQltgRT4y2A8gj3j6y1oxh5NK/Zy/t1U4i/Wf9IWNsAMoa8ydpbKQ1vFZHMPOriv1VieiJ2O2tDFUDsDPtcMLL2e4rj91P89SjU+HKbgMTWkz0D0RAjaZkSUkMEBXBJyQxuDdzp5R4d0FlODnrVj721PjKF0cirtjj+ygh6ZHIp/D8eCaFNfedR0nl4oX2X7ZxIFCPso898jrLJavsEGe8EY2tp9hWqt86P3MGXEM8ViXcqsAPGhJDoH+wHrvOwOd4Hqex7h1MLjrltvfvloz87Sa+th5v2cAGY9/RyZx76Wp5//4HxjwbDQn1PqMfVOiQdRQzV6sNz8KOZeMII4dJLcHSZSTDwyIDOqVqXsnnKGS1MQpZvKp9mc91/BZUNB8b6GBTqY5ZyhaVk0cwbTpyrGwHuCTxDKGdb+zIjUM= ann@example.org";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJQOGiR8YMXo7sG5ndh0cL33wlt0LKZv2Ncqp6jPOYuf9W/bhN+Z7y+HaZTnyEvjnu87qy7qHirhcI+pass7vQo= ann@example.org";
const WEAK: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCo/7pdfttCFYMkJWiaZWWl2OMSvrm6WdRAgbnNvXlJOQRGDx0NAb6gxT73GMLXZP0nqPgV/LLo5oWiXr7tB0x5VhC65qJ0SKJAhXLzamY/yCnDsGxliDDyFTnj/T5WGYhiksvxCOTic6TK2jDaucF/tmlaxXfus+PQXlJ255LPww== weak";
const YESCRYPT: &str = "$y$j9T$abcdefgh$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6.YEl7AYF4DGV04";
const SHA512: &str =
    "$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1";
const SHA256: &str = "$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0";

/// What crypt(3) of libxcrypt wrote.
#[test]
fn hashes_of_crypt_are_hashes() {
    let good = [
        YESCRYPT,
        SHA512,
        SHA256,
        "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO",
        "$7$CU..../....abcdefgh$19TzpFZ5AwP26vdEMbfvWacoVUfd2MfVusFAVFilh.C",
        "$gy$j9T$abcdefgh$CiTibHdBM/5r3qmg1i0DxivDn1U977EDVDgQAyycj9/",
    ];
    for hash in good {
        assert_eq!(hash_mistake(hash), None, "{hash}");
    }
    let with_rounds = SHA512.replace("$6$", "$6$rounds=500000$");
    assert_eq!(hash_mistake(&with_rounds), None);
}

#[test]
fn what_is_no_hash_is_told_without_printing_it() {
    let cut = |hash: &str| hash[..hash.len() - 1].to_owned();
    let cases = [
        ("hunter2".to_owned(), "a password itself"),
        ("$1$abc$BsD0Xw1Lh9kUoZyMrSl6Q0".to_owned(), "broken within hours"),
        ("$9$abc$def".to_owned(), "no method"),
        (cut(YESCRYPT), "missing"),
        (cut(SHA512), "missing"),
        (cut(SHA256), "missing"),
        (format!("{SHA256}x"), "too much"),
        (SHA512.replace("$6$", "$6$rounds=10$"), "missing"),
        (SHA512.replace("abc", "a:c"), "missing"),
        (SHA512.replace("abc", "a\nc"), "missing"),
        ("$".to_owned(), "no method"),
        (String::new(), "everybody"),
        ("!".to_owned(), "no hash"),
        ("*".to_owned(), "no hash"),
    ];
    for (hash, want) in cases {
        let (why, help) = hash_mistake(&hash).unwrap_or_else(|| panic!("{hash}"));
        assert!(why.contains(want), "{hash}: {why}");
        assert!(hash.len() < 4 || !why.contains(&hash) && !help.contains(&hash), "{hash}");
    }
}

#[test]
fn lines_of_ssh_keygen_are_keys() {
    let options = format!("from=\"10.0.0.0/8 , x\",no-pty,command=\"say \\\"hi there\\\"\" {ED}");
    let bare: Vec<_> = ED.split(' ').take(2).collect();
    for line in [ED, RSA, ECDSA, &options, &bare.join(" "), &format!("  {ED} with blanks")] {
        assert_eq!(key_mistake(line), None, "{line}");
    }
}

#[test]
fn what_is_no_key_says_why() {
    let words: Vec<&str> = ED.split(' ').collect();
    let half = &words[1][..40];
    let cases = [
        (String::new(), "no type"),
        ("ann@example.org".to_owned(), "no type"),
        (words[1].to_owned(), "no type"),
        ("ssh-dss AAAA ann".to_owned(), "no type"),
        ("ssh-ed25519".to_owned(), "no type"),
        (format!("ssh-ed25519 {half}"), "cut off"),
        (format!("ssh-ed25519 {half}=== x"), "cut off"),
        (ED.replace("ssh-ed25519", "ssh-rsa"), "another type"),
        (WEAK.to_owned(), "2048"),
        (format!("{ED}\nssh-rsa"), "one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), "private"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAQA= x".to_owned(), "parts"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x".to_owned(), "parts"),
        ("ssh-ed25519 //////8= x".to_owned(), "cut off"),
    ];
    for (line, want) in cases {
        let (why, _) = key_mistake(&line).unwrap_or_else(|| panic!("{line}"));
        assert!(why.contains(want), "{line}: {why}");
    }
}

#[test]
fn keys_are_kept_where_sshd_looks() {
    let shown = |name, home| keys_file(name, home).unwrap().to_string();
    assert_eq!(shown("ann", None), "/home/ann/.ssh/authorized_keys");
    assert_eq!(shown("root", None), "/root/.ssh/authorized_keys");
    assert_eq!(shown("ann", Some("/srv/ann")), "/srv/ann/.ssh/authorized_keys");
}
