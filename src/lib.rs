//! pindesk: a keyboard-only console for the two-step verification PINs of WhatsApp Business phone numbers.
//!
//! The console is one loop. What happens outside (keys, replies, timers, signals) becomes messages; [`console::app`] lets
//! the open page take a step for a message, and returns effects; the worker and the runtime carry them out.
//!
//! ```text
//!   keyboard ──> console::input ──┐                      ┌──> console::view ──> console::terminal ──> screen
//!   timers, signals ──────────────┼─ messages ─> console::app ──> the open page, in console::pages
//!   console::worker <─────────────┴───── effects ────────┘
//!        │  numbers: list and read numbers ──────────────────> graph ──> Meta, or the simulator
//!        └─ jobs: set PINs ── escrow (encrypt, sync) ── journal (record, sync) ──> graph
//! ```
//!
//! Each layer uses only the layers above it in this table:
//!
//! | Layer | Modules | What it does |
//! |--|--|--|
//! | Values | [`domain`], [`policy`], [`config`] | types and decisions, without input or output |
//! | System | [`secure_file`], [`token_source`], [`state_dir`], [`process`] | files, tokens, locks and signals |
//! | Services | [`graph`], [`escrow`], [`journal`] | the API client and the two durable records |
//! | Use cases | [`preflight`], [`pace`], [`jobs`], [`numbers`] | checks before a start, limits, setting PINs, reading numbers |
//! | Front ends | [`console`], [`simulator`], [`cli`] | the screen, the local Graph API, the command line |

pub mod domain;
pub mod policy;
pub mod config;
pub mod secure_file;
pub mod token_source;
pub mod state_dir;
pub mod process;
pub mod graph;
pub mod escrow;
pub mod journal;
pub mod preflight;
pub mod pace;
pub mod jobs;
pub mod numbers;
pub mod console;
pub mod simulator;
pub mod cli;
