// Processes that fork and exit without pause, so that each lives shorter than a walk of /proc
// takes.
//   forker COUNT ADDRESS [session]
// COUNT is the number of processes. Every 16th fork sends a datagram to ADDRESS, port 4444. With
// "session", each fork starts a session. The processes ignore SIGTERM. The first process ends at
// once.
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fork_on(const struct sockaddr_in* to, int own_session) {
  for (unsigned forks = 1;; ++forks) {
    const pid_t child = fork();
    if (child > 0) _exit(0);
    if (child < 0) continue;
    if (own_session) setsid();
    if (forks % 16 != 0) continue;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(fd, "out", 3, 0, (const struct sockaddr*)to, sizeof *to);
    close(fd);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4444)};
  if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) return 64;
  signal(SIGTERM, SIG_IGN);
  for (int left = atoi(argv[1]); left > 0; --left)
    if (fork() == 0) fork_on(&to, argc > 3);
  return 0;
}
