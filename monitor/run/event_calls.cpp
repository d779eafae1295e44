#include "run/event_calls.h"

#include <utility>

#include "azimuth/guarded.h"

namespace azimuth {

void EventCalls::put(std::shared_ptr<const Record> record) {
  if (callbacks_.empty() || record->observation.events.empty()) return;
  Lock lock(mutex_);
  waiting_.push_back(std::move(record));
}

void EventCalls::call(const std::function<void(const std::string&)>& failed) {
  std::vector<std::shared_ptr<const Record>> records;
  {
    Lock lock(mutex_);
    records.swap(waiting_);
  }
  for (const auto& record : records) {
    for (const Event& event : record->observation.events) {
      for (const EventCallback& callback : callbacks_) {
        if (const auto failure = guarded([&] { callback(event, record->observation); })) {
          failed(*failure);
        }
      }
    }
  }
}

}  // namespace azimuth
