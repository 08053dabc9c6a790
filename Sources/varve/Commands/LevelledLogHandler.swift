internal import Logging
internal import Synchronization

/// The least level that is logged; changes for all loggers at once.
final class LogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    init(_ level: Logger.Level) { self.level = Mutex(level) }

    var value: Logger.Level { level.withLock { $0 } }

    func set(_ new: Logger.Level) { level.withLock { $0 = new } }
}

/// Writes to standard error what reaches the shared level.
struct LevelledLogHandler: LogHandler {
    private var output: StreamLogHandler
    private let shared: LogLevel
    /// Of this logger alone, when somebody set it.
    private var own: Logger.Level?

    init(label: String, level: LogLevel) {
        output = StreamLogHandler.standardError(label: label)
        output.logLevel = .trace
        shared = level
    }

    var logLevel: Logger.Level {
        get { own ?? shared.value }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { output.metadata }
        set { output.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { output[metadataKey: key] }
        set { output[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { output.log(event: event) }
}
