/// `max(low, min(high, value))` where a NaN wins.
enum Clamp {
    static func apply(_ value: Double, _ low: Double, _ high: Double) -> Double {
        if value.isNaN || low.isNaN || high.isNaN { return .nan }
        return max(low, min(high, value))
    }
}
