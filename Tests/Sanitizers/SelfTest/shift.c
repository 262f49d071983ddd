// Undefined with any argument or none: an int has 32 bits.
int main(int argc, char **argv) {
    (void)argv;
    return 1 << (argc + 31);
}
