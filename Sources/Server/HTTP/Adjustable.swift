internal import Synchronization

/// A value that may change while the server runs, shared by those who read it anew each time.
package final class Adjustable<Value: Sendable>: Sendable {
    private let held: Mutex<Value>

    package init(_ value: Value) { held = Mutex(value) }

    package var value: Value {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
