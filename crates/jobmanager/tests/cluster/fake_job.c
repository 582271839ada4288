/* A program that passes for a Flott job: in plan mode it does what its first argument says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((section(".flott.sdk"), used)) static const char marker[] = "flott-sdk protocol=3";

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "hang") == 0) {
        for (;;) pause();
    }
    if (strcmp(what, "exit") == 0) return 3;
    FILE *plan = fopen(getenv("FLOTT_PLAN_FILE"), "w");
    if (!plan) return 1;
    fputs(what, plan);
    return fclose(plan) ? 1 : 0;
}
