internal import Encoding

/// The identity of a series or stream: name/value pairs, sorted by name, each name once, no empty
/// value. Held as its canonical bytes, which are what is hashed, journalled and stored:
///
///     repeated:  varint name length │ name │ varint value length │ value
///
/// One allocation whatever the number of labels. Names and values are UTF-8; who lets bytes in
/// from outside checks that (`LabelsBuilder` does not).
package struct Labels: Hashable, Sendable {
    package let bytes: [UInt8]

    package static let empty = Labels(canonical: [])

    /// `bytes` must be canonical, as from `bytes` of another `Labels` or `LabelsBuilder`.
    package init(canonical bytes: [UInt8]) { self.bytes = bytes }

    package init(_ pairs: [(String, String)]) {
        var builder = LabelsBuilder()
        for (name, value) in pairs { builder.set(name, value) }
        self = builder.build()
    }

    package init(_ pairs: KeyValuePairs<String, String>) {
        self.init(pairs.map { ($0.key, $0.value) })
    }

    /// Nil unless `bytes` is well formed: lengths in bounds, names strictly ascending, no empty
    /// name or value, valid UTF-8. For bytes that come from a disk or a peer.
    package init?(checking bytes: [UInt8]) {
        var previous: ArraySlice<UInt8>?
        var offset = 0
        while offset < bytes.count {
            guard let name = Labels.field(of: bytes, at: &offset),
                let value = Labels.field(of: bytes, at: &offset),
                !name.isEmpty, !value.isEmpty,
                Labels.isUTF8(name), Labels.isUTF8(value)
            else { return nil }
            if let previous, !previous.lexicographicallyPrecedes(name) { return nil }
            previous = name
        }
        self.bytes = bytes
    }

    /// ASCII, as most labels are, needs no more than a look.
    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        var union: UInt8 = 0
        for byte in bytes { union |= byte }
        return union < 0x80 || String(validating: bytes, as: UTF8.self) != nil
    }

    package var isEmpty: Bool { bytes.isEmpty }

    /// The value of `name`, or nil. O(size of the set).
    package subscript(name: String) -> String? {
        var result: String?
        let wanted = Array(name.utf8)
        forEachSlice { key, value in
            if key.elementsEqual(wanted) {
                result = String(decoding: value, as: UTF8.self)
                return false
            }
            return true
        }
        return result
    }

    /// The metric name, `__name__`, or empty.
    package var metricName: String { self["__name__"] ?? "" }

    /// The pairs as strings, in order. Allocates per label.
    package var pairs: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        forEachSlice { name, value in
            result.append(
                (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
            return true
        }
        return result
    }

    /// Calls `body` with name and value bytes, in order, until it returns false.
    package func forEachSlice(_ body: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Bool) {
        var offset = 0
        while offset < bytes.count {
            guard let name = Labels.field(of: bytes, at: &offset),
                let value = Labels.field(of: bytes, at: &offset)
            else { preconditionFailure("BUG: labels are not canonical") }
            if !body(name, value) { return }
        }
    }

    /// The labels for which `keep` is true of the name. Still sorted, so O(size).
    package func filtered(_ keep: (ArraySlice<UInt8>) -> Bool) -> Labels {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var offset = 0
        while offset < bytes.count {
            let start = offset
            guard let name = Labels.field(of: bytes, at: &offset),
                Labels.field(of: bytes, at: &offset) != nil
            else { preconditionFailure("BUG: labels are not canonical") }
            if keep(name) { kept.append(contentsOf: bytes[start..<offset]) }
        }
        return kept.count == bytes.count ? self : Labels(canonical: kept)
    }

    /// Only the labels in `names` (sorted or not).
    package func keeping(_ names: Set<String>) -> Labels {
        filtered { names.contains(String(decoding: $0, as: UTF8.self)) }
    }

    /// All labels but those in `names`.
    package func dropping(_ names: Set<String>) -> Labels {
        filtered { !names.contains(String(decoding: $0, as: UTF8.self)) }
    }

    /// Without `__name__`.
    package var withoutMetricName: Labels {
        filtered { !$0.elementsEqual("__name__".utf8) }
    }

    private static func field(of bytes: [UInt8], at offset: inout Int) -> ArraySlice<UInt8>? {
        var count = 0
        var shift = 0
        while true {
            guard offset < bytes.count, shift <= 28 else { return nil }
            let byte = bytes[offset]
            offset += 1
            count |= Int(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        guard count <= bytes.count - offset else { return nil }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }
}

extension Labels: Comparable {
    /// By names and values pair for pair, as Prometheus orders label sets.
    package static func < (a: Labels, b: Labels) -> Bool {
        // Fields that end before the first difference are the same in both.
        let common = min(a.bytes.count, b.bytes.count)
        var same = 0
        while same < common, a.bytes[same] == b.bytes[same] { same += 1 }
        var i = 0
        while i < same {
            var end = i
            guard field(of: a.bytes, at: &end) != nil, end <= same else { break }
            i = end
        }
        var j = i
        while i < a.bytes.count, j < b.bytes.count {
            guard let left = field(of: a.bytes, at: &i), let right = field(of: b.bytes, at: &j)
            else { preconditionFailure("BUG: labels are not canonical") }
            if left.elementsEqual(right) { continue }
            return left.lexicographicallyPrecedes(right)
        }
        return i >= a.bytes.count && j < b.bytes.count
    }
}

extension Labels: CustomStringConvertible {
    /// `{name="value", …}` as PromQL writes it, `__name__` among them.
    package var description: String {
        "{" + pairs.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ") + "}"
    }
}

/// Collects pairs in any order and makes the canonical set. Reusable: `removeAll` keeps storage.
package struct LabelsBuilder: Sendable {
    private var storage: [UInt8] = []
    private var fields: [(name: Range<Int>, value: Range<Int>)] = []

    package init() {}

    /// Starts from `labels`.
    package init(_ labels: Labels) {
        labels.forEachSlice { name, value in
            set(name, value)
            return true
        }
    }

    package mutating func removeAll() {
        storage.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
    }

    /// The later of two values of one name wins; an empty value removes the label.
    package mutating func set(_ name: String, _ value: String) {
        append(name.utf8, value.utf8)
    }

    package mutating func set(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        append(name, value)
    }

    private mutating func append(
        _ name: some Collection<UInt8>, _ value: some Collection<UInt8>
    ) {
        let start = storage.count
        storage.append(contentsOf: name)
        let middle = storage.count
        storage.append(contentsOf: value)
        fields.append((start..<middle, middle..<storage.count))
    }

    /// The number of pairs set so far, repeated names included.
    package var count: Int { fields.count }

    /// The canonical set.
    package mutating func build() -> Labels {
        // Insertion sort: stable, in place, and label sets are short and often sorted already.
        var i = 1
        while i < fields.count {
            var j = i
            while j > 0, isBefore(fields[j].name, fields[j - 1].name) {
                fields.swapAt(j, j - 1)
                j -= 1
            }
            i += 1
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(storage.count + 2 * fields.count)
        for (index, field) in fields.enumerated() {
            let isLast =
                index + 1 == fields.count
                || !storage[field.name].elementsEqual(storage[fields[index + 1].name])
            guard isLast, !field.value.isEmpty else { continue }
            Varint.append(UInt64(field.name.count), to: &bytes)
            bytes.append(contentsOf: storage[field.name])
            Varint.append(UInt64(field.value.count), to: &bytes)
            bytes.append(contentsOf: storage[field.value])
        }
        return Labels(canonical: bytes)
    }

    private func isBefore(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        storage[a].lexicographicallyPrecedes(storage[b])
    }
}
