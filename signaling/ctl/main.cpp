/// carillonctl: the operator's command line.
#include <iostream>

#include <boost/json.hpp>

#include "signaling/ctl/client.h"
#include "signaling/ctl/commands.h"
#include "signaling/ctl/password.h"
#include "signaling/ctl/table.h"

int main(int argc, char** argv) {
    namespace ctl = carillon::ctl;
    const auto invocation = ctl::parse({argv + 1, argv + argc}, {ctl::password_from_stdin, ctl::password_from_prompt});
    if (!invocation) {
        (invocation.error().exit == ctl::Exit::ok ? std::cout : std::cerr) << invocation.error().text;
        return static_cast<int>(invocation.error().exit);
    }
    const auto answer = ctl::request(invocation->socket, invocation->command, invocation->arguments);
    if (!answer) {
        const auto& failure = answer.error();
        if (invocation->json)
            std::cout << boost::json::object{{"error", {{"code", failure.code}, {"text", failure.text}}}} << '\n';
        else
            std::cerr << failure.text << '\n';
        return static_cast<int>(failure.exit);
    }
    if (invocation->json)
        std::cout << *answer << '\n';
    else
        std::cout << ctl::to_text(*answer);
}
