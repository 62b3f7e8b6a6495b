//! What happens during a build: a live picture on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forge_model::{Event, EventSink, Node, NodeId, Plan};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::ui::Ui;

/// How many steps of a build went which way.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    hits: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl Counts {
    /// Steps found in the store.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// Steps done.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }
}

/// Prints events as they come.
pub(crate) struct Progress {
    plan: Arc<Plan>,
    ui: Arc<Ui>,
    counts: Counts,
    live: Option<Live>,
}

struct Live {
    all: MultiProgress,
    bars: Mutex<BTreeMap<NodeId, ProgressBar>>,
}

impl Progress {
    /// For the steps of a plan.
    pub(crate) fn new(plan: Arc<Plan>, ui: Arc<Ui>) -> Self {
        let live = ui
            .interactive()
            .then(|| Live { all: MultiProgress::new(), bars: Mutex::new(BTreeMap::new()) });
        Self { plan, ui, counts: Counts::default(), live }
    }

    /// How many steps went which way.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn line(&self, text: &str) {
        match &self.live {
            Some(live) => live.all.suspend(|| self.ui.note(text)),
            None => self.ui.note(text),
        }
    }

    fn begin(&self, id: NodeId, name: String) {
        let Some(live) = &self.live else { return };
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = live.all.add(ProgressBar::new_spinner()).with_style(style).with_prefix(name);
        bar.enable_steady_tick(Duration::from_millis(120));
        live.bars.lock().unwrap_or_else(PoisonError::into_inner).insert(id, bar);
    }

    fn end(&self, id: NodeId) {
        let Some(live) = &self.live else { return };
        let bar = live.bars.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(bar) = bar {
            bar.finish_and_clear();
            live.all.remove(&bar);
        }
    }

    fn say(&self, id: NodeId, message: &str) {
        let Some(live) = &self.live else { return };
        let bars = live.bars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bars.get(&id) {
            bar.set_message(message.chars().take(200).collect::<String>());
        }
    }
}

/// A step as lines name it.
fn name_of(node: &Node) -> String {
    match node.images.as_slice() {
        [only] => format!("{only}: {}", node.label),
        [] => node.label.clone(),
        several => format!("{} ({} images)", node.label, several.len()),
    }
}

impl EventSink for Progress {
    fn emit(&self, event: Event) {
        let name = |id: NodeId| name_of(self.plan.node(id));
        match event {
            Event::Hit { node } => {
                self.counts.hits.fetch_add(1, Ordering::Relaxed);
                self.end(node);
                if self.ui.verbose() {
                    self.line(&format!("  kept      {}", name(node)));
                }
            }
            Event::Started { node } => self.begin(node, name(node)),
            Event::Progress { node, message } => self.say(node, &message),
            Event::Finished { node, duration, output: _, unchanged } => {
                self.counts.done.fetch_add(1, Ordering::Relaxed);
                self.end(node);
                let same = if unchanged { ", same as before" } else { "" };
                let seconds = duration.as_secs_f64();
                self.line(&format!("  {seconds:>7.2} s {}{same}", name(node)));
            }
            Event::Failed { node, message } => {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                self.end(node);
                self.line(&message);
            }
            Event::Warning { node, message } => {
                self.line(&format!("  warning: {}: {message}", name(node)));
            }
        }
    }
}
