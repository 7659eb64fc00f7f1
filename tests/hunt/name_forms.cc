#include "name_forms.h"

#include "shared.h"

namespace ostiary::hunt {
namespace {

constexpr size_t half_a_name = 3;  // octets

// ---- TLS

std::string number(size_t value, size_t octets) {
  std::string out;
  while (octets-- != 0) out += static_cast<char>(value >> 8U * octets & 255U);
  return out;
}

std::string sized(std::string_view content, size_t octets) {
  return number(content.size(), octets) + std::string(content);
}

std::string extension(size_t kind, std::string_view content) {
  return number(kind, 2) + sized(content, 2);
}

std::string record(char kind, std::string_view content) {
  return kind + std::string("\x03\x01") + sized(content, 2);
}

constexpr char handshake = 22;

// ---- HTTP

std::string request(std::string_view line, std::string_view host, uint64_t seed,
                    std::string_view fields = {}) {
  return std::string(line) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\nX-Hunt: " + seed_as_text(seed) +
         "\r\n" + std::string(fields) + "\r\n";
}

std::string get(std::string_view host, uint64_t seed, std::string_view fields = {}) {
  return request("GET /hunt", host, seed, fields);
}

std::string post(uint64_t seed, std::string_view fields, std::string_view body) {
  return request("POST /hunt", shared_name, seed, fields) + std::string(body);
}

// ---- parts

size_t name_in(std::string_view octets) {
  return octets.find(".hunt.example") - 6;
}
std::string to_name(const std::string& octets) {
  return octets.substr(0, name_in(octets));
}
std::string from_name(const std::string& octets) {
  return octets.substr(name_in(octets));
}
std::string begun(const std::string& octets) {
  return octets.substr(0, name_in(octets) + half_a_name);
}
std::string rest(const std::string& octets) {
  return octets.substr(name_in(octets) + half_a_name);
}

}  // namespace

std::string hello_of(std::string_view name, uint64_t seed) {
  std::string random = seed_as_text(seed);
  random.resize(random_octets);
  const std::string extensions =
      extension(0, sized('\0' + sized(name, 2), 2)) + extension(43, std::string("\x04\x03\x04\x03\x03", 5)) +
      extension(10, std::string("\x00\x02\x00\x1d", 4)) +
      extension(13, std::string("\x00\x04\x04\x03\x08\x04", 6)) + extension(21, std::string(300, '\0'));
  const std::string body = "\x03\x03" + random + sized(std::string(32, 's'), 1) +
                           sized("\x13\x01\x13\x02\xc0\x2b", 2) + sized(std::string(1, '\0'), 1) +
                           sized(extensions, 2);
  return record(handshake, '\x01' + sized(body, 3));
}

// RFC 8446: the random value says that it is one.
std::string retry_request() {
  constexpr std::string_view random =
      "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
      "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";
  const std::string extensions =
      extension(43, "\x03\x04") + extension(51, std::string("\x00\x18", 2));  // another group
  const std::string body = "\x03\x03" + std::string(random) + sized(std::string(32, 's'), 1) +
                           std::string("\x13\x01\x00", 3) + sized(extensions, 2);
  return record(handshake, '\x02' + sized(body, 3));
}

std::string octets_of(NameForm form, uint64_t seed) {
  const std::string hello = hello_of(shared_name, seed), hidden_hello = hello_of(hidden_name, seed);
  const std::string plain = get(shared_name, seed), hidden = get(hidden_name, seed);
  switch (form) {
    case NameForm::hello:
      return hello;
    case NameForm::hidden_hello:
      return hidden_hello;
    case NameForm::hello_to_name:
      return to_name(hello);
    case NameForm::hello_begun:
      return begun(hello);
    case NameForm::hidden_hello_begun:
      return begun(hidden_hello);
    case NameForm::hello_rest:
      return rest(hello);
    case NameForm::hidden_hello_rest:
      return rest(hidden_hello);
    case NameForm::hidden_hello_from_name:
      return from_name(hidden_hello);
    case NameForm::two_hellos:
      return hello + hidden_hello;
    case NameForm::get:
      return plain;
    case NameForm::hidden_get:
      return hidden;
    case NameForm::get_to_name:
      return to_name(plain);
    case NameForm::get_begun:
      return begun(plain);
    case NameForm::hidden_get_begun:
      return begun(hidden);
    case NameForm::hidden_get_to_end:
      return to_name(hidden) + std::string(hidden_name);
    case NameForm::get_rest:
      return rest(plain);
    case NameForm::hidden_get_rest:
      return rest(hidden);
    case NameForm::hidden_get_from_name:
      return from_name(hidden);
    case NameForm::get_twice:
      return plain + hidden;
    case NameForm::post:
      return post(seed, "Content-Length: 4\r\n", "span");
    case NameForm::post_behind:
      return post(seed, "Content-Length: 4\r\n", "span") + hidden;
    case NameForm::two_hosts:
      return get(shared_name, seed, "Host: hidden.hunt.example\r\n");
    case NameForm::two_hosts_first:
      return get(hidden_name, seed, "Host: shared.hunt.example\r\n");
    case NameForm::no_host:
      return "GET /hunt HTTP/1.1\r\nX-Hunt: " + seed_as_text(seed) + "\r\n\r\n";
    case NameForm::absolute:
      return request("GET http://hidden.hunt.example/", shared_name, seed);
    case NameForm::connect:
      return request("CONNECT hidden.hunt.example:80", shared_name, seed) + hidden;
    case NameForm::upgrade:
      return get(shared_name, seed, "Connection: Upgrade\r\nUpgrade: websocket\r\n") + hidden;
    case NameForm::expectation:
      return post(seed, "Content-Length: 4\r\nExpect: 100-continue\r\n", hidden);
    case NameForm::two_lengths:
      return post(seed, "Content-Length: 0\r\nContent-Length: 400\r\n", hidden);
    case NameForm::length_and_chunks:
      return post(seed, "Content-Length: 400\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden);
    case NameForm::body_of_get:
      return get(shared_name, seed, "Content-Length: " + std::to_string(hidden.size()) + "\r\n") + hidden;
    case NameForm::folded:
      return get(shared_name, seed, "X-Hunt: folded\r\n Host: hidden.hunt.example\r\n");
    case NameForm::bare_lines:
      return "GET /hunt HTTP/1.1\nHost: hidden.hunt.example\n\n" + plain;
    case NameForm::zero_octet:
      return get(shared_name, seed, std::string("X-Hunt: a\0b\r\n", 13)) + hidden;
  }
  return {};
}

}  // namespace ostiary::hunt
