package import Storage

/// Settings that are the cluster's, not a node's: what is refused and how long data stays is the same
/// whichever node is asked.
package struct ClusterSettings: Hashable, Sendable {
    /// Of every shard. Its leader writes them into its log, so that all replicas change at the same
    /// entry.
    package var limits: ShardLimits
    /// As in `NodeConfiguration`: age at which data goes, ns; nil keeps all.
    package var retentionNanos: Int64?
    /// As in `NodeConfiguration`: how far ahead of the clock data may be, ns.
    package var futureNanosMax: Int64

    package init(_ configuration: NodeConfiguration = NodeConfiguration()) {
        limits = configuration.shard.limits
        retentionNanos = configuration.retentionNanos
        futureNanosMax = configuration.futureNanosMax
    }

    /// `configuration` with what the cluster has decided.
    package func decide(_ configuration: NodeConfiguration) -> NodeConfiguration {
        var decided = configuration
        // A new shard's are the same everywhere and always: others come in its log.
        decided.shard.limits = ShardLimits()
        decided.shardLimits = limits
        decided.retentionNanos = retentionNanos
        decided.futureNanosMax = futureNanosMax
        return decided
    }

    /// The first setting with a value that no cluster can have, or nil.
    var flaw: ClusterSetting? {
        ClusterSetting.allCases.first { !$0.allows(self[$0]) }
    }

    /// The value in nanoseconds or as a number; nil: off. What is set must be allowed.
    package subscript(_ setting: ClusterSetting) -> Int64? {
        get {
            switch setting {
            case .retention: retentionNanos
            case .futureMax: futureNanosMax
            case .seriesMax: Int64(limits.seriesMax)
            case .streamsMax: Int64(limits.streamsMax)
            case .metadataMax: Int64(limits.metadataMax)
            case .idleAfter: Int64(limits.idleSeconds) * ClusterSetting.second
            }
        }
        set {
            precondition(setting.allows(newValue), "BUG: \(setting.name) can not be so")
            let number = newValue ?? 0
            switch setting {
            case .retention: retentionNanos = newValue
            case .futureMax: futureNanosMax = number
            case .seriesMax: limits.seriesMax = Int(number)
            case .streamsMax: limits.streamsMax = Int(number)
            case .metadataMax: limits.metadataMax = Int(number)
            case .idleAfter: limits.idleSeconds = UInt32(number / ClusterSetting.second)
            }
        }
    }
}

/// One setting of a cluster. Numbers are in commands and stay.
package enum ClusterSetting: UInt8, Hashable, Sendable, CaseIterable {
    case retention = 1
    case futureMax = 2
    case seriesMax = 3
    case streamsMax = 4
    case metadataMax = 5
    case idleAfter = 6

    static let second: Int64 = 1_000_000_000
    private static let countMax: Int64 = 1_000_000_000

    /// As a person writes it.
    package var name: String {
        switch self {
        case .retention: "retention"
        case .futureMax: "future-max"
        case .seriesMax: "series-max"
        case .streamsMax: "streams-max"
        case .metadataMax: "metadata-max"
        case .idleAfter: "idle-after"
        }
    }

    /// One line.
    package var summary: String {
        switch self {
        case .retention: "How long samples and lines are kept, or off."
        case .futureMax: "How far ahead of the clock samples and lines may be."
        case .seriesMax: "Most series that a shard knows at once."
        case .streamsMax: "Most log streams that a shard knows at once."
        case .metadataMax: "Most metrics of a tenant with metadata, in a shard."
        case .idleAfter: "Silence after which a series is forgotten and its total begins anew."
        }
    }

    /// Whether its values are nanoseconds.
    package var isDuration: Bool {
        switch self {
        case .retention, .futureMax, .idleAfter: true
        case .seriesMax, .streamsMax, .metadataMax: false
        }
    }

    /// What its value may be, for a person.
    package var allowed: String {
        switch self {
        case .retention: "a duration of at least 1s, or off"
        case .futureMax: "a duration"
        case .seriesMax, .streamsMax, .metadataMax: "1 to \(ClusterSetting.countMax)"
        case .idleAfter: "a duration of whole seconds, at least 1m, up to 36500d"
        }
    }

    /// Whether it may have the value; nil: off.
    package func allows(_ value: Int64?) -> Bool {
        guard let value else { return self == .retention }
        switch self {
        case .retention: return value >= ClusterSetting.second
        case .futureMax: return value >= 0
        case .seriesMax, .streamsMax, .metadataMax:
            return (1...ClusterSetting.countMax).contains(value)
        case .idleAfter:
            return value % ClusterSetting.second == 0
                && (60...36_500 * 86_400).contains(value / ClusterSetting.second)
        }
    }

    package init?(name: String) {
        guard let found = ClusterSetting.allCases.first(where: { $0.name == name }) else {
            return nil
        }
        self = found
    }
}
