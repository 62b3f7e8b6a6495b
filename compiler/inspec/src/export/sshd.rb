# The keyword and the arguments of a line.
forge_sshd_words = lambda do |line|
  rest = line.strip
  keyword = rest.match?(/\A#/) ? '' : rest[/\A[^\s=]*/].to_s
  rest = rest[keyword.length..-1].lstrip.sub(/\A=/, '').lstrip
  words = []
  if keyword.empty?
    rest = ''
  end
  while !rest.empty? && !rest.start_with?('#')
    if rest.start_with?('"')
      words << rest[/\A"([^"]*)/, 1]
      rest = rest.sub(/\A"[^"]*"?/, '').lstrip
    else
      words << rest[/\A\S+/]
      rest = rest.sub(/\A\S+/, '').lstrip
    end
  end
  [keyword.downcase, words]
end

# What sshd is told for everybody: the lines of a file and of those that it includes, where they stand,
# without what stands below a `Match`.
forge_sshd_lines = nil
forge_sshd_lines = lambda do |path, depth|
  lines = []
  for_all = true
  file(path).content.to_s.lines.each do |text|
    keyword, words = forge_sshd_words.call(text)
    if keyword == 'match'
      for_all = words.length == 1 && words[0].downcase == 'all'
    elsif for_all && keyword == 'include' && depth < 16
      words.each do |word|
        pattern = word.start_with?('/') ? word : "/etc/ssh/#{word}"
        names = [pattern]
        if pattern.match?(/[*?\[]/)
          names = command("ls #{pattern}").stdout.lines.map { |name| name.strip }.sort
        end
        names.each { |name| lines += forge_sshd_lines.call(name, depth + 1) }
      end
    elsif for_all && !keyword.empty?
      lines << [keyword, words.join(' ')]
    end
  end
  lines
end

# The values that count: the first, or all of a keyword that may stand several times.
forge_sshd = lambda do |path, keyword|
  several = %w[acceptenv allowgroups allowusers denygroups denyusers hostcertificate hostkey listenaddress
               port setenv subsystem permitlisten]
  said = forge_sshd_lines.call(path, 0).select { |line| line[0] == keyword }.map { |line| line[1] }
  several.include?(keyword) ? said : said.first(1)
end
