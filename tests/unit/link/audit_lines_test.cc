#include "ostiary/link/audit_lines.h"

#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "ostiary/audit/limits.h"

using namespace ostiary;
using namespace ostiary::link;

TEST_SUITE("link/audit_lines") {
  TEST_CASE("datagrams are received whole and in order, and then none") {
    const AuditPair pair = make_audit_pair().value();
    const std::string largest(audit::limits::octets_at_once, 'x');
    REQUIRE(::send(pair.senders.get(), largest.data(), largest.size(), 0) > 0);
    REQUIRE(::send(pair.senders.get(), "b\n", 2, 0) > 0);
    CHECK(receive_audit_lines(pair.relay) == largest);
    CHECK(receive_audit_lines(pair.relay) == "b\n");
    CHECK(receive_audit_lines(pair.relay) == std::nullopt);
  }

  TEST_CASE("neither end blocks, and no program that is started inherits one") {
    const AuditPair pair = make_audit_pair().value();
    for (const UniqueFd* end : {&pair.senders, &pair.relay}) {
      CHECK((::fcntl(end->get(), F_GETFL) & O_NONBLOCK) != 0);
      CHECK((::fcntl(end->get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
  }
}
