/// The project path that `relative` means in a file: relative to the file's directory, without
/// `.` and `..`. None when it is absolute or leaves the project.
pub(crate) fn join(file: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.contains('\0') {
        return None;
    }
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_their_file_and_stay_in_the_project() {
        let cases = [
            ("roles/a/role.kdl", "x.conf", Some("roles/a/x.conf")),
            ("roles/a/role.kdl", "../b/./x", Some("roles/b/x")),
            ("roles/a/role.kdl", "../../x", Some("x")),
            ("roles/a/role.kdl", "../../../x", None),
            ("forge.kdl", "x/", Some("x")),
            ("forge.kdl", "/etc/passwd", None),
            ("forge.kdl", ".", None),
        ];
        for (file, relative, want) in cases {
            assert_eq!(join(file, relative).as_deref(), want, "{relative} in {file}");
        }
    }
}
