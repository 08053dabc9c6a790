internal import Platform
internal import Server

/// Settings as typed values; what does not parse names its source and what is allowed.
extension SettingSources {
    /// An endpoint, or nil for `off`.
    func endpoint(_ setting: Setting) throws(SettingError) -> Endpoint? {
        let value = self[setting]
        if value.text == "off" { return nil }
        guard let endpoint = Endpoint(value.text) else {
            throw SettingError(value.source, value.text, "HOST:PORT or off is allowed")
        }
        return endpoint
    }

    /// A file's path, or nil for `off`.
    func path(_ setting: Setting) -> String? {
        let text = self[setting].text
        return text == "off" ? nil : text
    }

    /// Nanoseconds.
    func duration(_ setting: Setting, atLeast floor: Int64) throws(SettingError) -> Int64 {
        let value = self[setting]
        guard let nanos = TimeText.duration(value.text), nanos >= floor else {
            let least = Double(floor) / 1e9
            throw SettingError(
                value.source, value.text,
                "a duration like 10s, 5m or 400d from \(least) s is allowed")
        }
        return nanos
    }

    /// Nanoseconds, or nil for `off`.
    func optionalDuration(
        _ setting: Setting, atLeast floor: Int64
    ) throws(SettingError) -> Int64? {
        self[setting].text == "off" ? nil : try duration(setting, atLeast: floor)
    }

    /// A whole number within `range`.
    func count(_ setting: Setting, _ range: ClosedRange<Int>) throws(SettingError) -> Int {
        let value = self[setting]
        guard let count = Int(value.text), range.contains(count) else {
            throw SettingError(
                value.source, value.text,
                "a whole number from \(range.lowerBound) to \(range.upperBound) is allowed")
        }
        return count
    }

    /// Bytes: `1048576`, `1MiB`, `1MB`; nil for `off`.
    func byteCount(_ setting: Setting, atLeast floor: Int) throws(SettingError) -> Int? {
        let value = self[setting]
        if value.text == "off" { return nil }
        guard let count = ByteCountText.parse(value.text), count >= floor else {
            throw SettingError(
                value.source, value.text,
                "a size like 64MiB or 50GB from \(ByteCountText.format(floor)) is allowed")
        }
        return count
    }

    /// One of the cases of `choices`, by name.
    func choice<Value>(
        _ setting: Setting, _ choices: KeyValuePairs<String, Value>
    ) throws(SettingError) -> Value {
        let value = self[setting]
        guard let found = choices.first(where: { $0.key == value.text }) else {
            let names = choices.map(\.key).joined(separator: ", ")
            throw SettingError(value.source, value.text, "one of \(names) is allowed")
        }
        return found.value
    }
}
