//! Searches in sorted lists from one end. It does not sort.

/// How many items at the start of a sorted list satisfy `is_before`. The steps double, so that near and far ends are
/// both found fast.
pub(super) fn gallop<T>(items: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    let (mut from, mut step) = (0, 1);
    while items.get(from + step - 1).is_some_and(&is_before) {
        from += step;
        step *= 2;
    }
    let to = items.len().min(from + step);
    from + items[from..to].partition_point(is_before)
}
