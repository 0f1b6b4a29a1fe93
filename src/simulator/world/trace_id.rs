//! Generates trace IDs in the format of Meta, from the seed. They are not secret.

use super::World;
use crate::simulator::splitmix::splitmix64;

impl World {
    /// The trace ID of the current response, which no other response of this world has.
    pub(super) fn trace_id(&self) -> String {
        use base64::Engine as _;
        let high = splitmix64(self.spec.seed ^ self.response_count);
        let bytes = [high.to_be_bytes(), splitmix64(high).to_be_bytes()].concat();
        format!("A{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
    }
}
