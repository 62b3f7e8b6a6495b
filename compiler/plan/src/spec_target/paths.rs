use std::borrow::Cow;
use std::sync::OnceLock;

use forge_model::ImagePath;

use super::known::{Declared, Path};

/// What is said of paths, the last word on each. Of most images much is said and little is asked, so
/// it is put in order when the first question comes.
#[derive(Default)]
pub(super) struct Paths<'a> {
    said: Vec<(Cow<'a, ImagePath>, Declared<'a, Path<'a>>)>,
    /// Places in `said`, by their paths, each path once.
    order: OnceLock<Vec<u32>>,
}

impl<'a> Paths<'a> {
    pub(super) fn insert(&mut self, path: Cow<'a, ImagePath>, declared: Declared<'a, Path<'a>>) {
        let place = self.order.get().is_some().then(|| self.place(&path));
        let new = u32::try_from(self.said.len()).unwrap_or(u32::MAX);
        self.said.push((path, declared));
        if let (Some(order), Some(place)) = (self.order.get_mut(), place) {
            match place {
                Ok(at) => order.splice(at..=at, [new]).for_each(drop),
                Err(at) => order.insert(at, new),
            }
        }
    }

    /// Says something new of a path, and gives what was said before.
    pub(super) fn replace(
        &mut self,
        path: ImagePath,
        declared: Declared<'a, Path<'a>>,
    ) -> Option<Declared<'a, Path<'a>>> {
        if let Some(at) = self.find(&path)
            && let Some((_, known)) = self.said.get_mut(at)
        {
            return Some(std::mem::replace(known, declared));
        }
        self.insert(Cow::Owned(path), declared);
        None
    }

    pub(super) fn get(&self, path: &ImagePath) -> Option<&Declared<'a, Path<'a>>> {
        Some(&self.said.get(self.find(path)?)?.1)
    }

    /// All paths of which something is said, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&ImagePath, &Declared<'a, Path<'a>>)> {
        let said = self.order().iter().filter_map(|at| self.said.get(*at as usize));
        said.map(|(path, declared)| (&**path, declared))
    }

    /// Everything that was said, earlier words on a path too, in no order.
    pub(super) fn each_mut(
        &mut self,
    ) -> impl Iterator<Item = (&ImagePath, &mut Declared<'a, Path<'a>>)> {
        self.said.iter_mut().map(|(path, declared)| (&**path, declared))
    }

    fn find(&self, path: &ImagePath) -> Option<usize> {
        let at = self.place(path).ok()?;
        self.order().get(at).map(|at| *at as usize)
    }

    /// Where a path is in the order, or would be.
    fn place(&self, path: &ImagePath) -> Result<usize, usize> {
        self.order().binary_search_by(|at| self.path_at(*at).cmp(&Some(path)))
    }

    fn path_at(&self, at: u32) -> Option<&ImagePath> {
        self.said.get(at as usize).map(|(path, _)| &**path)
    }

    fn order(&self) -> &[u32] {
        self.order.get_or_init(|| {
            let count = u32::try_from(self.said.len()).unwrap_or(u32::MAX);
            let mut order: Vec<u32> = (0..count).collect();
            // The last word on a path comes first, and is the one that stays.
            order.sort_unstable_by(|a, b| self.path_at(*a).cmp(&self.path_at(*b)).then(b.cmp(a)));
            order.dedup_by(|later, kept| self.path_at(*later) == self.path_at(*kept));
            order
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::known::{Layer, Made};
    use super::*;

    fn link(target: &str) -> Declared<'_, Path<'_>> {
        let made = Made { layer: Layer::Kernel, origin: None };
        Declared { what: Path::Link { target }, made }
    }

    fn target<'a>(declared: Option<&Declared<'a, Path<'a>>>) -> Option<&'a str> {
        match declared?.what {
            Path::Link { target } => Some(target),
            _ => None,
        }
    }

    #[test]
    fn the_last_word_on_a_path_counts() {
        let path = |text: &str| ImagePath::new(text).expect("a path");
        let mut paths = Paths::default();
        for (at, to) in [("b", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("b", "5")] {
            paths.insert(Cow::Owned(path(at)), link(to));
        }
        assert_eq!(target(paths.get(&path("b"))), Some("5"));
        assert!(paths.get(&path("d")).is_none());
        let all: Vec<_> =
            paths.iter().map(|(path, to)| (path.to_string(), target(Some(to)))).collect();
        let want = [("/a", "2"), ("/b", "5"), ("/c", "4")];
        assert_eq!(all, want.map(|(path, to)| (path.to_owned(), Some(to))));
        assert_eq!(target(paths.replace(path("b"), link("6")).as_ref()), Some("5"));
        assert!(paths.replace(path("d"), link("7")).is_none());
        assert_eq!(target(paths.get(&path("b"))), Some("6"));
        assert_eq!(target(paths.get(&path("d"))), Some("7"));
        paths.insert(Cow::Owned(path("b")), link("8"));
        paths.insert(Cow::Owned(path("aa")), link("9"));
        let all =
            paths.iter().map(|(path, to)| format!("{path} {}", target(Some(to)).unwrap_or("")));
        assert_eq!(all.collect::<Vec<_>>(), ["/a 2", "/aa 9", "/b 8", "/c 4", "/d 7"]);
        paths.each_mut().for_each(|(_, declared)| declared.what = Path::Removed);
        assert!(paths.iter().all(|(_, declared)| matches!(declared.what, Path::Removed)));
    }
}
