//! Properties of the decoder: whatever arrives, and however it is split.

use proptest::prelude::*;

use super::*;

/// Sends the pieces with their pauses, and returns the input, up to a time when no byte is held.
fn decode(pieces: &[(u64, Vec<u8>)], is_exempt: fn(Key) -> bool) -> Result<Vec<InputEvent>, TestCaseError> {
    let (mut fixture, mut ms, mut out) = (Fixture::new(), 0, Vec::new());
    for (pause, bytes) in pieces {
        ms += pause;
        out.extend(fixture.feed([(ms, bytes)], is_exempt));
        out.extend(fixture.expire(ms));
    }
    out.extend(fixture.expire(ms + 1_000));
    prop_assert_eq!(fixture.decoder.deadline(), None);
    Ok(out)
}

/// Splits bytes into pieces of these lengths, again and again, each after a pause.
fn split(mut bytes: &[u8], lengths: &[(u64, usize)]) -> Vec<(u64, Vec<u8>)> {
    let mut pieces = Vec::new();
    for (pause, length) in lengths.iter().cycle() {
        let Some((piece, rest)) = bytes.split_at_checked(*length) else { break };
        pieces.push((*pause, piece.to_vec()));
        bytes = rest;
    }
    pieces.push((0, bytes.to_vec()));
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<(u64, usize)>> {
    proptest::collection::vec((0..=60_u64, 1..30_usize), 1..9)
}

proptest! {
    #[test]
    fn noise_neither_panics_nor_passes_an_alt_letter(
        tokens in proptest::collection::vec(any_bytes(), 0..60),
        lengths in lengths(),
    ) {
        // Only bytes after an Esc are a 'z'.
        let is_z = |input: &InputEvent| match input {
            InputEvent::Key(key) => *key == Key::Char('z'),
            InputEvent::Paste(text) => text.as_str().replace("\x1bz", "").contains('z'),
        };
        let out = decode(&split(&tokens.concat(), &lengths), |_| false)?;
        prop_assert!(!out.iter().any(is_z), "{:?}", out);
    }

    #[test]
    fn a_string_gives_no_key_whatever_it_contains(
        kind in proptest::sample::select(b"P]X^_".as_slice()),
        content in proptest::collection::vec(any::<u8>(), 0..200),
        lengths in lengths(),
    ) {
        // The content neither contains nor completes an end of the string.
        let mut content: Vec<u8> = content.into_iter().filter(|byte| *byte != 0x07).collect();
        content.dedup_by(|next, before| (*before, *next) == (0x1b, b'\\'));
        let bytes = [b"\x1b", &[kind], &content[..], b"\x1b\\"].concat();
        prop_assert_eq!(decode(&split(&bytes, &lengths), |_| true)?, []);
    }

    #[test]
    fn a_private_sequence_gives_no_key_whatever_it_contains(
        text in "\\x1b\\[[<=>?][ -?]{0,100}[@-~]",
        lengths in lengths(),
    ) {
        prop_assert_eq!(decode(&split(text.as_bytes(), &lengths), |_| true)?, []);
    }

    #[test]
    fn documented_sequences_in_any_order_may_be_split(
        sequences in proptest::collection::vec(proptest::sample::select(documented_sequences()), 0..40),
        lengths in lengths(),
    ) {
        // An Esc directly before another key cannot be told from Alt.
        let sequences: Vec<_> = sequences.into_iter().filter(|(key, _)| *key != Some(Key::Esc)).collect();
        let expected: Vec<Key> = sequences.iter().filter_map(|(key, _)| *key).collect();
        let bytes: String = sequences.into_iter().map(|(_, bytes)| bytes).collect();
        prop_assert_eq!(decode(&split(bytes.as_bytes(), &lengths), |_| true)?, keys(&expected));
    }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(b"\x1b".to_vec()),
        6 => "[\\[O~;0-9A-Fa-y\\PC]".prop_map(|text| text.replace('z', "y").into_bytes()),
        2 => Just(b"\x1bz".to_vec()),
        1 => Just(b"\x1b\x1bz".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\x1b[B".to_vec()),
        1 => Just(b"\x1b[200~pasted\x1b[201~".to_vec()),
        1 => proptest::collection::vec(any::<u8>().prop_filter("z", |byte| *byte != b'z'), 1..4),
    ]
}
