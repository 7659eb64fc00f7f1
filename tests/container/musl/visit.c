/* An agent that is linked with musl: visit go|stay LABEL HOST PORT...
   Tries to connect to each host, and prints whether it was reached and the seconds that took. Then
   prints "ready". With "stay", it does not exit. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int reached(const char* host, const char* port) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  if (getaddrinfo(host, port, &hints, &found) != 0) return 0;
  int done = 0;
  for (const struct addrinfo* each = found; each != NULL && !done; each = each->ai_next) {
    const int fd = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
    done = fd >= 0 && connect(fd, each->ai_addr, each->ai_addrlen) == 0;
    if (fd >= 0) close(fd);
  }
  freeaddrinfo(found);
  return done;
}

int main(int count, char** words) {
  for (int at = 2; at + 2 < count; at += 3) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const int got_there = reached(words[at + 1], words[at + 2]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%s %s %.6f\n", words[at], got_there ? "reached" : "not",
           (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
  }
  puts("ready");
  fflush(stdout);
  if (count > 1 && strcmp(words[1], "stay") == 0) sleep(600);
  return 0;
}
